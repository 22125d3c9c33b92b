"""The command palette, filled from the registry."""

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode

from app.tui.commands.registry import Command, CommandGroup, commands

_NOT_HERE = frozenset({"app.palette", "app.interrupt", "app.back"})


class LoopinCommands(Provider):
    """Every command that works where the palette was opened, this screen's first."""

    async def discover(self) -> Hits:
        for command, target in self._offers():
            yield DiscoveryHit(command.title, partial(self._run, command, target), help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command, target in self._offers():
            if (score := matcher.match(f"{command.title} {command.help}")) > 0:
                title = matcher.highlight(command.title)
                yield Hit(score, title, partial(self._run, command, target), help=command.help)

    def _offers(self) -> Iterator[tuple[Command, DOMNode]]:
        """What can be done now; a command that is greyed out is not offered."""
        group = getattr(self.screen, "COMMAND_GROUP", CommandGroup.EVERYWHERE)
        groups = dict.fromkeys((group, CommandGroup.EVERYWHERE))
        for where in groups:
            for command in commands(where):
                if command.id not in _NOT_HERE and self._possible(command):
                    yield command, self.screen

    def _possible(self, command: Command) -> bool:
        from textual.actions import parse

        namespace, name, parameters = parse(command.action)
        target: DOMNode = self.app if namespace == "app" else self.screen
        return bool(target.check_action(name, parameters))

    async def _run(self, command: Command, target: DOMNode) -> None:
        await self.app.run_action(command.action, target)
