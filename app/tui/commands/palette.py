"""The command palette, filled from the registry."""

from collections.abc import Iterator
from functools import partial

from rich.console import RenderableType
from textual import events
from textual.actions import parse
from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode

from app.tui.commands.registry import Command, CommandGroup, commands
from widgets.backdrop import behind

_HIDDEN = frozenset({"app.palette", "app.interrupt", "app.back"})
_SHARE, _ENTRY_LINES, _EDGE_LINES = 0.7, 2, 2
"""Share of the screen for the list; lines of an entry, with its help, and of the edges."""


class LoopinCommands(Provider):
    """Every command that works where the palette was opened, this screen's first."""

    async def discover(self) -> Hits:
        for command, target in self._enabled_commands():
            yield DiscoveryHit(command.title, partial(self._run, command, target), help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command, target in self._enabled_commands():
            if (score := matcher.match(f"{command.title} {command.help}")) > 0:
                title = matcher.highlight(command.title)
                yield Hit(score, title, partial(self._run, command, target), help=command.help)

    def _enabled_commands(self) -> Iterator[tuple[Command, DOMNode]]:
        """The commands that can run now, with the node that runs them."""
        group = getattr(self.screen, "COMMAND_GROUP", CommandGroup.EVERYWHERE)
        groups = dict.fromkeys((group, CommandGroup.EVERYWHERE))
        for group in groups:
            for command in commands(group):
                if command.id not in _HIDDEN and self._is_enabled(command):
                    yield command, self.screen

    def _is_enabled(self, command: Command) -> bool:
        namespace, name, parameters = parse(command.action)
        target: DOMNode = self.app if namespace == "app" else self.screen
        return bool(target.check_action(name, parameters))

    async def _run(self, command: Command, target: DOMNode) -> None:
        await self.app.run_action(command.action, target)


class Palette(CommandPalette):
    """Textual's palette, above a dimmed screen where colours cannot be mixed; no entry is cut in two."""

    def render(self) -> RenderableType:
        """Render the screen below: darkened by the style sheet where colours can be mixed, else dim."""
        return behind(self.app, super().render())

    def on_resize(self, event: events.Resize) -> None:
        """Give the list the height of whole entries."""
        entries = (int(event.size.height * _SHARE) - _EDGE_LINES) // _ENTRY_LINES
        self.query_one(CommandList).styles.max_height = max(1, entries) * _ENTRY_LINES + _EDGE_LINES
