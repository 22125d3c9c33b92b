"""The registry, and the keys that a person may choose instead."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.keys import _character_to_key

from app.tui.commands.bindings import bindings_for, keymap
from app.tui.commands.registry import COMMANDS, CommandGroup, by_id, commands
from widgets.key_names import key_name, readable

ROOT = Path(__file__).resolve().parents[4]


def test_ids_are_unique_and_named_after_their_place() -> None:
    assert [name for name, times in Counter(c.id for c in COMMANDS).items() if times > 1] == []


@pytest.mark.parametrize("room", list(CommandGroup))
def test_no_two_commands_of_a_place_share_a_key(room: CommandGroup) -> None:
    keys = Counter(
        key for c in (*commands(CommandGroup.EVERYWHERE), *commands(room)) for key in c.keys.split(",") if key
    )
    doubled = 2 if room is CommandGroup.EVERYWHERE else 1
    assert [key for key, times in keys.items() if times > doubled] == []


def test_every_command_with_a_key_becomes_a_binding_with_its_id() -> None:
    ids = [b.id for b in bindings_for(CommandGroup.ACCOUNTS)]  # type: ignore[union-attr]  # all are Binding
    assert ids == [command.id for command in commands(CommandGroup.ACCOUNTS)]


def test_a_chosen_key_is_taken_by_its_character() -> None:
    assert keymap({"app.help": "h, ?"}) == ({"app.help": "h,question_mark"}, ())


def test_two_commands_may_swap_their_keys() -> None:
    chosen = {"accounts.why": "r", "accounts.refresh": "w"}
    assert keymap(chosen) == (chosen, ())


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        ({"app.nothing": "x"}, "[keys] app.nothing: there is no such command"),
        ({"app.help": " "}, "[keys] app.help: no key is given"),
        ({"app.help": "q"}, "[keys] q is both app.help and app.quit"),
        ({"accounts.why": "t"}, "[keys] t is both app.theme and accounts.why"),
    ],
)
def test_a_mistake_is_named_and_the_defaults_stay(chosen: dict[str, str], problem: str) -> None:
    found, problems = keymap(chosen)
    assert found == {}
    assert problem in problems


@given(st.dictionaries(st.sampled_from([c.id for c in COMMANDS]), st.sampled_from([*"abcxyz123", "ctrl+x"])))
def test_a_keymap_without_problems_has_no_clash_anywhere(chosen: dict[str, str]) -> None:
    found, problems = keymap(chosen)
    assert bool(problems) == (bool(chosen) and not found)
    for room in CommandGroup:
        rows = dict.fromkeys((*commands(CommandGroup.EVERYWHERE), *commands(room)))
        keys = Counter(key for c in rows for key in found.get(c.id, c.keys).split(",") if key)
        assert [key for key, times in keys.items() if times > 1] == []


@pytest.mark.parametrize(
    ("key", "word"), [("question_mark", "?"), ("ctrl+d", "ctrl+d"), ("G", "G"), ("pagedown", "PgDn")]
)
def test_keys_are_written_as_a_person_writes_them(key: str, word: str) -> None:
    assert readable(key) == word


def test_what_is_readable_can_be_read_back() -> None:
    assert all(key_name(readable(name)) == name for name in ("slash", "question_mark", "colon", "x", "1"))


def test_the_page_of_keys_is_up_to_date() -> None:
    run = subprocess.run(
        [sys.executable, "scripts/keymap.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_command_is_found_by_its_id() -> None:
    assert by_id("app.quit").keys == "q"
    with pytest.raises(KeyError):
        by_id("app.nothing")


@pytest.mark.parametrize("character", [chr(code) for code in range(33, 127)] + ["§", "°"])
def test_every_character_of_a_keyboard_can_be_chosen_as_a_key(character: str) -> None:
    """The name is the one that Textual gives to the key press."""
    pressed = events.Key(_character_to_key(character), character)
    assert key_name(character) == pressed.key
    assert readable(pressed.key) == character
