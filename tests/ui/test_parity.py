"""Whatever can be done in the app can be done by a command."""

import shlex
from collections.abc import Mapping

import click
import pytest

from app.cli.root import tree
from app.tui.commands.registry import COMMANDS, TABS, Command

ONLY_HERE: Mapping[str, tuple[str, ...]] = {
    "goes to a room": tuple(tab.id for tab in TABS),
    "is about the app itself": (
        *("app.help", "app.palette", "app.theme", "app.back", "app.quit", "app.interrupt"),
        "app.suspend",
    ),
    "moves in a list": (
        *("list.up", "list.down", "list.page_up", "list.page_down", "list.first", "list.last", "list.open"),
        *("tokens.next_tab", "tokens.previous_tab"),
    ),
    "sorts, or reads again what is shown": ("tokens.sort", "activity.refresh"),
    "chooses rows; the action on them has a command": ("tokens.mark", "tokens.mark_range", "tokens.mark_all"),
    "copies what a command prints": (
        *("tokens.copy_id", "tokens.copy_name", "reveal.show", "reveal.copy", "login.copy"),
    ),
    "is a step of a sign-in, which is a command": ("login.open", "login.retry"),
    "fills in a form; saving it has a command": (
        *("auto_revoke.toggle", "auto_revoke.lower", "auto_revoke.raise", "auto_revoke.undo"),
    ),
}  # fmt: skip
EXCEPTIONS = {command_id for ids in ONLY_HERE.values() for command_id in ids}


def test_every_action_has_a_command_that_does_the_same() -> None:
    missing = [c.id for c in COMMANDS if not c.cli and c.id not in EXCEPTIONS]
    assert missing == []


def test_every_exception_is_an_action() -> None:
    assert EXCEPTIONS - {command.id for command in COMMANDS} == set()


@pytest.mark.parametrize("action", [c for c in COMMANDS if c.cli], ids=lambda c: c.id)
def test_the_command_exists_with_its_options(action: Command) -> None:
    """Down the tree of groups to a leaf, which knows every option that is named."""
    words = shlex.split(action.cli.removeprefix("(umask 077; ").partition(" > ")[0])
    assert words.pop(0) == "loopin"
    command: click.Command = tree
    context = click.Context(tree, info_name="loopin")
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"{action.cli}: there is no {name}"
        context = click.Context(found, parent=context, info_name=name)
        command = found
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    assert [word for word in words if word.startswith("-") and word not in known] == []
    if words and not words[0].startswith("-"):
        assert any(isinstance(param, click.Argument) for param in command.params)
