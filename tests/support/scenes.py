"""Scenes: an app, and the keys that bring it where a picture is worth taking.

The snapshot tests and scripts/screenshots.py use the same ones.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from textual.pilot import Pilot

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Provider
from app.domain.errors import PortBusy, Unreachable, VaultLocked
from app.domain.organizations import Role
from app.main import LoopinApp
from tests.support import app as fakes

Size = tuple[int, int]
SMALL: Size = (80, 24)
LARGE: Size = (120, 36)
Pilots = Pilot[int]


async def _nothing(pilot: Pilots) -> None:
    await pilot.pause()


@dataclass(frozen=True)
class Scene:
    """`make` builds the app in a theme; `keys` are pressed; `then` may do more."""

    make: Callable[[str], LoopinApp]
    keys: tuple[str, ...] = ()
    then: Callable[[Pilots], Awaitable[None]] = field(default=_nothing)


def _app(theme: str, *, screen: str = "accounts", demo: bool = False, **given: Any) -> LoopinApp:
    box = fakes.container(theme=theme, **given)
    return fakes.app(box, screen=screen, demo=fakes.FakeDemo() if demo else None)


def signed_in(theme: str) -> LoopinApp:
    """Ada, in the browser session of Chainloop."""
    return _app(theme)


def signed_out(theme: str) -> LoopinApp:
    """The first start."""
    return _app(theme, signed_in=False)


def demo(theme: str) -> LoopinApp:
    """The demo, signed out."""
    return _app(theme, signed_in=False, demo=True)


def under_a_token(theme: str) -> LoopinApp:
    """CHAINLOOP_TOKEN is set, and a login is stored."""
    return _app(theme, environment=fakes.CI_TOKEN)


def soon_over(theme: str) -> LoopinApp:
    """Nine minutes of session left."""
    box = fakes.container(theme=theme)
    box.fake_clock.advance(timedelta(hours=23, minutes=3).total_seconds())
    return fakes.app(box)


def offline(theme: str) -> LoopinApp:
    """Nobody answers."""
    box = fakes.container(theme=theme)
    box.plane.fail["current"] = Unreachable(
        "api.acme.example:443 does not answer: connection refused",
        hint="check the address and your connection, then press r",
    )
    return fakes.app(box)


def locked(theme: str) -> LoopinApp:
    """The keychain is locked."""
    box = fakes.container(theme=theme, signed_in=False)
    box.fake_vault.error = VaultLocked(
        "GNOME Keyring is locked", hint="unlock it in your desktop's password program, then press r"
    )
    return fakes.app(box)


def busy_port(theme: str) -> LoopinApp:
    """Another program has the callback port."""
    box = fakes.container(theme=theme, signed_in=False)
    box.fake_listeners.busy[8765] = PortBusy(
        "port 8765 is in use by gumloop (4211)",
        hint="end that program, or use another port",
        port=8765,
        holder="gumloop (4211)",
    )
    return fakes.app(box)


def with_activity(theme: str) -> LoopinApp:
    """A day's work."""
    box = fakes.container(theme=theme)
    box.fake_activity.lines += _day()
    return fakes.app(box, screen="activity")


def _day() -> list[ActivityEntry]:
    def entry(hours: float, action: Action, subject: str, detail: str, outcome: Outcome) -> ActivityEntry:
        return ActivityEntry(
            fakes.NOW - timedelta(hours=hours),
            action,
            outcome,
            Provider.CHAINLOOP,
            "ada@acme.example",
            "acme",
            "api.acme.example:443",
            subject,
            detail=detail,
        )

    return [
        entry(26, Action.LOGIN, "profile default", "browser login", Outcome.DONE),
        entry(25.5, Action.CREATE, "ci-release", "scope organization", Outcome.DONE),
        entry(25, Action.CREATE, "web-preview", "this name is taken", Outcome.FAILED),
        entry(3, Action.THRESHOLD, "90 days", "was off", Outcome.DONE),
        entry(2, Action.REVOKE, "leaked-key", "found in a public repository", Outcome.DONE),
        entry(0.2, Action.ROTATE, "ci-legacy", "", Outcome.STARTED),
    ]


async def callback(pilot: Pilots) -> None:
    """The browser comes back with a token of Ada's."""
    box = pilot.app.container  # type: ignore[attr-defined]  # Pilot does not say which App it drives
    assert isinstance(box, fakes.FakeContainer)
    await pilot.pause()
    state = box.fake_browser.opened[-1].partition("state%3D")[2].partition("&")[0]
    arrival = fakes.FakeCallback({"state": state, "t": fakes.USER_TOKEN.reveal()})
    box.fake_listeners.made[-1].arrivals.put_nowait(arrival)
    await pilot.pause()
    await pilot.pause()


def viewer(theme: str) -> LoopinApp:
    """Ada may only look."""
    box = fakes.container(theme=theme)
    box.plane.role = Role.VIEWER
    return fakes.app(box)


_TO_CHAINLOOP = ("l", "down", "down", "down", "enter")
SCENES: dict[str, Scene] = {
    "accounts": Scene(signed_in),
    "accounts-first-start": Scene(signed_out),
    "accounts-demo": Scene(demo),
    "accounts-token": Scene(under_a_token),
    "accounts-session-ends": Scene(soon_over),
    "accounts-offline": Scene(offline),
    "accounts-locked": Scene(locked),
    "sign-out": Scene(signed_in, ("L",)),
    "why": Scene(under_a_token, ("w",)),
    "login": Scene(signed_out, ("l",)),
    "login-locked": Scene(locked, ("l",)),
    "login-progress": Scene(demo, _TO_CHAINLOOP),
    "login-paste": Scene(signed_out, (*_TO_CHAINLOOP, "v")),
    "login-done": Scene(signed_out, _TO_CHAINLOOP, callback),
    "login-busy-port": Scene(busy_port, ("l", "enter")),
    "login-token": Scene(signed_out, ("l", "down", "down", "down", "down", "enter", *"abc", "enter")),
    "login-key": Scene(signed_out, ("l", "down", "enter", *"my-key")),
    "organization": Scene(signed_in, ("O",)),
    "activity": Scene(with_activity),
    "activity-filter": Scene(with_activity, ("slash", *"ci-")),
    "activity-empty": Scene(lambda theme: _app(theme, screen="activity")),
    "help": Scene(signed_in, ("question_mark",)),
    "help-search": Scene(signed_in, ("question_mark", *"quit")),
    "palette": Scene(signed_in, ("colon",)),
}
