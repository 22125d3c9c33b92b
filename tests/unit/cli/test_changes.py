"""Every command that changes something, interrupted while its answer is under way.

A signal comes when the server (or the keychain) has done its part and has not answered yet; then the answer
comes, or never does. A second press, escape and `q` are keys of the app: in a shell a second change is
another process, which the lock of the login keeps apart (`tests/integration/gumloop/test_refresh_race.py`).
SIGKILL leaves nobody to do anything: real processes are killed in `tests/integration/tokens`, in
`tests/integration/gumloop/test_kill.py` and in `tests/faults/test_interrupted.py`; what the trail has by then
is what it has here after an answer that never came. Nothing in a shell switches the organization during a
command.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from app.domain.activity import Action, Outcome
from app.domain.errors import Unreachable
from app.domain.secret import Secret
from app.services.revocation import CONCURRENT_CALLS
from tests.support import app as fakes
from tests.support.cli import Result, in_process
from tests.support.fake_gumloop import RENEWED
from tests.support.rooms import story
from tests.support.sample_tokens import tokens

TOKENS = ("chainloop", "organization", "api-token")
OLD = next(token.id for token in tokens(fakes.NOW) if token.name == "ci-release")
NEW = "ci-release-2026-03"
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Box = fakes.FakeContainer
TURNS = 20
"""Of the event loop, until a command has seen a signal."""


class Answer(asyncio.Event):
    """An answer during which a signal arrives; it comes afterwards, or never."""

    def __init__(self, number: int, *, comes: bool, times: int = 1) -> None:
        super().__init__()
        self._number, self._comes, self._times = number, comes, times

    async def wait(self) -> Any:
        """Send the signal, let it be handled, and answer."""
        times, self._times = self._times, 0
        for _ in range(times):
            os.kill(os.getpid(), self._number)
            for _ in range(TURNS):
                await asyncio.sleep(0)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        return True if self._comes else await super().wait()


@dataclass(frozen=True)
class Change:
    """A command, what its answer is called, and how one sees that the change came to its end."""

    command: tuple[str, ...]
    at: str
    done: Callable[[Box], bool]
    doing: str
    journal: Action | None = None
    """What the trail has as begun, when the answer never came."""
    interrupted: int = 130
    """The exit code after ctrl+c."""


def lives(box: Box, name: str) -> bool:
    """True while a token of this name works."""
    return any(token.name == name and token.revoked_at is None for token in box.plane.tokens)


def entry(box: Box, name: str) -> Secret | None:
    """What the keychain holds of the Gumloop login."""
    return box.fake_vault.entries.get(("gumloop-cli", f"default:{name}"))


def last(box: Box, action: Action) -> Outcome | None:
    """How the last entry of this kind ended."""
    return next((e.outcome for e in reversed(box.fake_activity.lines) if e.action is action), None)


CHANGES = {
    "renew": Change(
        ("gumloop", "teams"),
        "gumloop refresh",
        lambda box: entry(box, "access_token") == RENEWED,
        "renewing the Gumloop session",
    ),
    "sign out of Gumloop": Change(
        ("gumloop", "logout"),
        "gumloop revoke",
        lambda box: entry(box, "access_token") is None,
        "signing out of Gumloop",
    ),
    "sign out of Chainloop": Change(
        ("chainloop", "auth", "logout"),
        "plane sign_out",
        lambda box: ("loopin-chainloop", "default") not in box.fake_vault.entries,
        "signing out of Chainloop",
    ),
    "save a Gumloop login": Change(
        ("gumloop", "login", "--access-token", "not-a-real-token-of-ada"),
        "vault",
        lambda box: last(box, Action.LOGIN) is Outcome.DONE,
        "signing in to Gumloop",
    ),
    "save a Chainloop login": Change(
        ("chainloop", "auth", "login", "--token", fakes.CI_TOKEN.reveal()),
        "vault",
        lambda box: last(box, Action.LOGIN) is Outcome.DONE,
        "signing in to Chainloop",
    ),
    "create": Change(
        (*TOKENS, "create", "--name", "ci-new", "--expiration", "90d"),
        "plane create_token",
        # Nobody has it: it stays to be told.
        lambda box: lives(box, "ci-new") and last(box, Action.CREATE) is Outcome.STARTED,
        "creating the API token ci-new",
        Action.CREATE,
    ),
    "rotate": Change(
        (*TOKENS, "rotate", "--id", OLD, "--yes"),
        "plane create_token",
        lambda box: lives(box, NEW) and lives(box, "ci-release"),
        f"creating the API token {NEW}",
        Action.ROTATE,
    ),
    "revoke one": Change(
        (*TOKENS, "revoke", "--id", OLD, "--yes"),
        "plane revoke_token",
        lambda box: not lives(box, "ci-release") and last(box, Action.REVOKE) is Outcome.DONE,
        "revoking the API token ci-release",
        Action.REVOKE,
        6,
    ),
    "revoke several": Change(
        (*TOKENS, "revoke", "--filter", "name:ci-*", "--yes"),
        "plane revoke_token",
        # So many are under way at once; the others are not begun, and the trail has an end for all.
        lambda box: box.plane.calls.count("revoke_token") == CONCURRENT_CALLS and not interrupted(box),
        "revoking 7 API tokens",
        Action.REVOKE,
        6,
    ),
    "threshold": Change(
        ("chainloop", "organization", "update", "--api-token-max-days-inactive", "30", "--yes"),
        "plane set_threshold",
        lambda box: box.plane.threshold == 30 and last(box, Action.THRESHOLD) is Outcome.DONE,
        "saving the threshold",
        Action.THRESHOLD,
    ),
}


def interrupted(box: Box) -> list[Action]:
    """What the next start would tell."""
    return [entry.action for entry in asyncio.run(box.activity_log.interrupted())]


def code_of(change: Change, number: int) -> int:
    """How the command ends after a signal."""
    return change.interrupted if number == signal.SIGINT else 128 + number


def run(change: Change, answer: Answer, grace: float) -> tuple[Box, Result]:
    """Run the command; the signal comes in the middle of it."""
    box = story()
    box.store_gumloop(lives=timedelta(seconds=10) if change.at == "gumloop refresh" else timedelta(hours=1))
    box.changes.grace = grace
    where, _, method = change.at.partition(" ")
    if where == "vault":
        box.fake_vault.held = answer
    else:
        {"plane": box.plane.held, "gumloop": box.gumloop.held}[where][method] = answer
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    return box, in_process(change.command, environment, containers=lambda settings: box)


@pytest.mark.parametrize("number", ENDINGS)
@pytest.mark.parametrize("name", CHANGES)
def test_what_was_begun_comes_to_its_end_and_that_is_told(name: str, number: signal.Signals) -> None:
    change = CHANGES[name]
    box, result = run(change, Answer(number, comes=True), 60)
    assert change.done(box), box.fake_activity.lines
    assert result.code == code_of(change, number), result.err
    assert f"loopin: {change.doing}: finished" in result.err
    if name == "create":
        assert "its secret was not shown; to revoke it: loopin chainloop" in result.err


@pytest.mark.parametrize("number", ENDINGS)
@pytest.mark.parametrize("name", CHANGES)
def test_what_is_not_answered_is_said_to_be_unknown_and_told_at_the_next_start(
    name: str, number: signal.Signals
) -> None:
    change = CHANGES[name]
    box, result = run(change, Answer(number, comes=False), 0)
    assert result.code == code_of(change, number), result.err
    assert f"loopin: {change.doing}: no answer came, so it is not known whether it was done" in result.err
    if change.journal is not None:
        assert change.journal in interrupted(box)


@pytest.mark.parametrize("number", ENDINGS)
def test_a_second_signal_ends_the_wait(number: signal.Signals) -> None:
    change = CHANGES["sign out of Gumloop"]
    _, result = run(change, Answer(number, comes=False, times=2), 3600)
    assert result.code == code_of(change, number), result.err
    assert "signing out of Gumloop: no answer came" in result.err


@pytest.mark.parametrize(("name", "told"), [("create", "it is active ("), ("rotate", "its new token")])
def test_an_answer_that_got_lost_is_looked_up_and_told_again_at_the_next_start(name: str, told: str) -> None:
    change = CHANGES[name]
    box = story()
    box.plane.lost["create_token"] = Unreachable("the connection broke")
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}

    def loopin(*arguments: str) -> Result:
        return in_process(arguments, environment, containers=lambda settings: box)

    result = loopin(*change.command)
    assert result.code == 5
    assert "the token was created; its secret" in result.err
    box.plane.lost.clear()
    box.start_again()  # another process
    assert told in loopin(*TOKENS, "list").err


@pytest.mark.parametrize(("made", "told"), [(True, "it was saved"), (False, "it is 90 days")])
@pytest.mark.parametrize("command", [("chainloop", "organization", "describe"), (*TOKENS, "list")])
def test_a_threshold_whose_end_nobody_saw_is_told_once_by_what_it_is_now(
    command: tuple[str, ...], made: bool, told: str
) -> None:
    box, _ = run(CHANGES["threshold"], Answer(signal.SIGTERM, comes=False), 0)
    box.plane.held.clear()
    box.plane.threshold = 30 if made else 90
    box.start_again()
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}

    def said() -> str:
        return in_process(command, environment, containers=lambda settings: box).err

    assert f"loopin: interrupted: auto-revoke 30 days in acme: {told}, begun" in said()
    assert last(box, Action.THRESHOLD) is (Outcome.DONE if made else Outcome.FAILED)
    assert "interrupted" not in said()
