"""`organization update`: what is asked, and what happens when it is no longer true once it was answered."""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.cli import chainloop_organization as command
from app.cli import output
from tests.support import app as fakes
from tests.support.cli import Result, in_process
from tests.support.rooms import story

UPDATE = ("chainloop", "organization", "update", "--api-token-max-days-inactive")
QUESTION = (
    "10 API tokens in acme unused for 60 days will be revoked at the next sweep, within an hour; "
    "1 of them unless used before. There is no way back."
)
Box = fakes.FakeContainer


def loopin(box: Box, *arguments: str) -> Result:
    """Run it on this machine's fakes."""
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    return in_process(arguments, environment, containers=lambda settings: box)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], str]]:
    """A terminal at which these are typed, one for each question."""
    given: list[Callable[[], str]] = []
    monkeypatch.setattr(command, "can_ask", lambda: True)
    monkeypatch.setattr(command, "ask", lambda question: given.pop(0)())
    return given


def other_threshold(box: Box) -> str:
    """Somebody else changes it."""
    box.plane.threshold = 180
    return "the threshold was changed meanwhile: it is 180 days and no longer 90 days"


def other_token(box: Box) -> str:
    """One more would fall."""
    box.plane.tokens.append(replace(box.plane.tokens[0], id="late", name="found-later"))
    return "more would be revoked than was shown: found-later"


@pytest.mark.parametrize("answer", ["y", "n"])
@pytest.mark.parametrize("meanwhile", [other_threshold, other_token])
def test_at_a_terminal_what_is_no_longer_true_is_asked_anew(
    meanwhile: Callable[[Box], str], answer: str, answers: list[Callable[[], str]]
) -> None:
    box, why = story(), []

    def first() -> str:
        why.append(meanwhile(box))
        return "y"

    answers.extend([first, lambda: answer])
    before = len(box.plane.tokens)
    result = loopin(box, *UPDATE, "60")
    assert answers == []
    assert result.err.startswith(f"{QUESTION}\nNothing was changed: {why[0]}.\n")
    assert f"{10 + len(box.plane.tokens) - before} API tokens in acme" in result.err.splitlines()[2]
    assert result.code == (0 if answer == "y" else 130)
    assert ("set_threshold" in box.plane.calls) == (answer == "y")


def test_where_nobody_can_be_asked_it_ends_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    box = story()
    show = output.show

    def shown(text: str, *, err: bool = False) -> None:
        show(text, err=err)
        other_token(box)

    monkeypatch.setattr(command, "show", shown)
    result = loopin(box, *UPDATE, "60")
    assert result.code == 1
    assert "more would be revoked than was shown: found-later" in result.err
    assert "nothing was changed" in result.err
    assert "set_threshold" not in box.plane.calls


def test_yes_asks_nothing_and_compares_nothing() -> None:
    box = story()
    assert loopin(box, *UPDATE, "60", "--yes").code == 0
    assert "list_tokens" not in box.plane.calls
