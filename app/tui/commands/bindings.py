"""Textual bindings made from the registry, and the keys that the configuration chooses instead."""

from collections.abc import Mapping

from textual.binding import Binding, BindingType

from app.tui.commands.registry import COMMANDS, Command, CommandGroup, commands
from widgets.key_names import key_name, readable, readable_all

# The app looks for these before the key goes to whatever has the focus. Interrupting and suspending work in
# an input and in a dialog, too. A filter's key is followed by letters at once, which would still reach the
# list, and be commands there; while a person types it is off, and a letter (`BaseScreen.check_action`).
_PRIORITY = frozenset({"app.interrupt", "app.suspend", "tokens.filter", "activity.filter"})


def bindings_for(*groups: CommandGroup) -> list[BindingType]:
    """One binding a command of the groups, in the registry's order; a command without a key has none."""
    return [_binding(command) for group in groups for command in commands(group) if command.keys]


def _binding(command: Command) -> Binding:
    return Binding(
        command.keys,
        command.action,
        command.label or command.title,
        show=bool(command.label),
        priority=command.id in _PRIORITY,
        tooltip=command.help,
        id=command.id,
    )


def keymap(chosen: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Check the keys of the configuration file, by command id.

    Return the keymap to use and what is wrong with it, one sentence each. With anything wrong the
    keymap is empty: half a keymap would be a trap.
    """
    keys_by_id = {name: _normal(keys) for name, keys in chosen.items()}
    problems = [*_unknown(keys_by_id), *_clashes(keys_by_id)]
    return ({}, tuple(problems)) if problems else (keys_by_id, ())


def shown_key(command: Command, chosen: Mapping[str, str]) -> str:
    """The key that a person presses for `command`, readable; empty when it has none."""
    first = chosen.get(command.id, command.keys).split(",")[0]
    return readable(first) if first else ""


def shown_keys(command: Command, chosen: Mapping[str, str]) -> str:
    """Every key of `command`, readable, with spaces between them."""
    return readable_all(chosen.get(command.id, command.keys))


def _normal(keys: str) -> str:
    names = (key.strip() for key in keys.split(","))
    return ",".join(key_name(key) for key in names if key)


def _unknown(keys_by_id: Mapping[str, str]) -> list[str]:
    known = {command.id for command in COMMANDS}
    wrong = [f"[keys] {name}: there is no such command" for name in keys_by_id if name not in known]
    empty = [f"[keys] {name}: no key is given" for name, keys in keys_by_id.items() if not keys]
    return [*wrong, *empty]


def _clashes(keys_by_id: Mapping[str, str]) -> list[str]:
    """Two commands of one group, or of a group and everywhere, may not share a key."""
    clashes: list[str] = []
    for group in CommandGroup:
        taken: dict[str, Command] = {}
        for command in dict.fromkeys((*commands(CommandGroup.EVERYWHERE), *commands(group))):
            for key in keys_by_id.get(command.id, command.keys).split(","):
                other = taken.setdefault(key, command)
                touched = command.id in keys_by_id or other.id in keys_by_id
                if key and other is not command and touched:
                    clashes.append(f"[keys] {readable(key)} is both {other.id} and {command.id}")
    return list(dict.fromkeys(clashes))
