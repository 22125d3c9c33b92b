"""Scenes: an app, and the keys that bring it where a picture is worth taking.

The snapshot tests and scripts/screenshots.py use the same ones.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Method, Provider
from app.domain.errors import (
    BrowserUnavailable,
    Failed,
    LoopinError,
    PortBusy,
    TokenRejected,
    Unreachable,
    VaultDenied,
    VaultError,
    VaultLocked,
    VaultMissing,
    VaultSilent,
)
from app.domain.gumloop import GumloopLogin
from app.domain.login import Step, StepState
from app.domain.vendor_login import VendorLogin
from app.services.stored_logins import GumloopVault
from app.tui.app import LoopinApp
from tests.support import app as fakes
from tests.support.fake_gumloop import ACCESS, STATE
from tests.support.idle import settle
from tests.support.job import Job
from widgets.step_list import StepList

Size = tuple[int, int]
SMALL: Size = (80, 24)
LARGE: Size = (120, 36)
Pilots = Pilot[int]
TURNS = 400


async def _nothing(pilot: Pilots) -> None:
    """After the keys, nothing is left to do."""


@dataclass(frozen=True)
class Scene:
    """`make` builds the app in a theme; `play` brings it where a picture is worth taking."""

    make: Callable[[str], LoopinApp]
    play: Callable[[Pilots], Awaitable[None]]


def _app(theme: str, *, screen: str = "accounts", demo: bool = False, **given: Any) -> LoopinApp:
    box = fakes.container(theme=theme, **given)
    return fakes.app(box, screen=screen, demo=fakes.FakeDemo() if demo else None)


def signed_in(theme: str) -> LoopinApp:
    """Ada, in the browser session of Chainloop."""
    return _app(theme)


def signed_out(theme: str) -> LoopinApp:
    """The first start."""
    return _app(theme, signed_in=False)


def vendor_signed_in(theme: str) -> LoopinApp:
    """The same, where Chainloop's own command line has a login."""
    box = fakes.container(theme=theme, signed_in=False)
    until, path = fakes.NOW + timedelta(days=6), "~/.config/chainloop/config.toml"
    box.vendor.login = VendorLogin(path, fakes.USER_TOKEN, fakes.ENDPOINT, Method.BROWSER, until)
    return fakes.app(box)


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


def every_port_busy(theme: str) -> LoopinApp:
    """No port can be had for Chainloop's callback, either."""
    box = fakes.container(theme=theme, signed_in=False)
    box.fake_listeners.busy[0] = PortBusy(
        "no port on 127.0.0.1 can be listened on: permission denied",
        hint="look at what forbids it, or use --no-browser in a shell",
        port=0,
    )
    return fakes.app(box)


def in_no_organization(theme: str) -> LoopinApp:
    """Ada at a control plane that has just met her, in the Tokens room."""
    box = fakes.container(theme=theme)
    box.fake_accounts.known["chainloop", "default"] = {"endpoint": fakes.ENDPOINT.address}
    box.plane.organizations, box.plane.current_name = (), ""
    return fakes.app(box, screen="tokens")


def signed_in_twice(theme: str) -> LoopinApp:
    """Ada at Chainloop, and an access token of Gumloop's."""
    box = fakes.container(theme=theme)
    login = GumloopLogin(Method.ACCESS_TOKEN, ACCESS, box.settings.gumloop.default)
    fakes.finish(GumloopVault(box.fake_vault, login.endpoint).write("default", login))
    return fakes.app(box)


def in_job(error: LoopinError | None = None) -> Callable[[str], LoopinApp]:
    """Inside a GitLab job, whose token passes or does not."""

    def make(theme: str) -> LoopinApp:
        box = fakes.container(theme=theme, signed_in=False)
        box.ci_identity = Job(error)
        return fakes.app(box)

    return make


def keychain(error: VaultError) -> Callable[[str], LoopinApp]:
    """A keychain that cannot be used."""

    def make(theme: str) -> LoopinApp:
        box = fakes.container(theme=theme, signed_in=False)
        box.fake_vault.error = error
        return fakes.app(box)

    return make


def failing(where: str, error: LoopinError) -> Callable[[str], LoopinApp]:
    """A call to a server that goes wrong, at either provider."""

    def make(theme: str) -> LoopinApp:
        box = fakes.container(theme=theme, signed_in=False)
        box.gumloop.fail[where] = box.plane.fail[where] = error
        return fakes.app(box)

    return make


def no_browser(theme: str) -> LoopinApp:
    """Nothing here opens a page."""
    box = fakes.container(theme=theme, signed_in=False)
    box.fake_browser.error = BrowserUnavailable("no browser could be opened: no display")
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
            operation=f"op-{subject}",
        )

    return [
        entry(26, Action.LOGIN, "profile default", "browser login", Outcome.DONE),
        entry(25.5, Action.CREATE, "ci-release", "scope global", Outcome.DONE),
        entry(25, Action.CREATE, "web-preview", "this name is taken", Outcome.FAILED),
        entry(3, Action.THRESHOLD, "90 days", "was off", Outcome.DONE),
        entry(2, Action.REVOKE, "leaked-key", "found in a public repository", Outcome.DONE),
        entry(0.2, Action.ROTATE, "ci-legacy", "", Outcome.STARTED),
    ]


def _box(pilot: Pilots) -> fakes.FakeContainer:
    box = pilot.app.container  # type: ignore[attr-defined]  # Pilot does not say which App it drives
    assert isinstance(box, fakes.FakeContainer)
    return box


async def answer(pilot: Pilots, **params: str) -> None:
    """The browser comes back with these; wait until the sign-in has an end, or a word on it."""
    _box(pilot).fake_listeners.made[-1].arrivals.put_nowait(fakes.FakeCallback(params))
    await _heard(pilot)


async def _heard(pilot: Pilots) -> None:
    for _ in range(TURNS):
        await pilot.pause()
        told = pilot.app.screen.query_one(StepList).happened
        ended = any(step.result is not None or step.state is StepState.FAILED for step in told.values())
        if ended or told[Step.WAITING].detail:
            return


async def allowed(pilot: Pilots) -> None:
    """Gumloop sends a code."""
    await answer(pilot, state=STATE, code="not-a-real-code")


async def denied(pilot: Pilots) -> None:
    """The person pressed Deny."""
    await answer(pilot, state=STATE, error="access_denied", error_description="you pressed Deny")


async def foreign(pilot: Pilots) -> None:
    """An answer of another sign-in."""
    await answer(pilot, state="of-somebody-else", code="not-a-real-code")


async def too_late(pilot: Pilots) -> None:
    """Nobody comes."""
    _box(pilot).fake_clock.advance(301)
    await _heard(pilot)


async def callback(pilot: Pilots) -> None:
    """The browser comes back with a token of Ada's."""
    box = _box(pilot)
    state = box.fake_browser.opened[-1].partition("state%3D")[2].partition("&")[0]
    arrival = fakes.FakeCallback({"state": state, "t": fakes.USER_TOKEN.reveal()})
    box.fake_listeners.made[-1].arrivals.put_nowait(arrival)
    for _ in range(TURNS):
        await pilot.pause()
        told = pilot.app.screen.query_one(StepList).happened.values()
        if any(step.result is not None or step.state is StepState.FAILED for step in told):
            return


def scene_of(
    make: Callable[[str], LoopinApp], *keys: str, then: Callable[[Pilots], Awaitable[None]] = _nothing
) -> Scene:
    """The scene at which an app arrives by these keys, each pressed when the last one has had its effect."""

    async def play(pilot: Pilots) -> None:
        await settle(pilot)
        for key in keys:
            await pilot.app._press_keys([key])
            await settle(pilot)
        await then(pilot)
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, LoopinApp)
        assert app.account_state.asked, "the accounts have been looked at"
        for box in app.screen.query(Input):
            box.cursor_blink = False
        await pilot.pause()

    return Scene(make, play)


_BROKEN = Failed("the token endpoint answered 500", hint="try again in a minute")
_SILENT = Unreachable("the server does not answer: timed out", hint="check your connection")
_NO_KEYCHAIN = VaultMissing(
    "no keychain was found", hint="start GNOME Keyring or KWallet, or set the environment variables"
)
_NOT_ALLOWED = VaultDenied("GNOME Keyring refused access", hint="allow Loopin there, then look again")
_NO_ANSWER = VaultSilent(
    "GNOME Keyring does not answer", hint="a prompt may be waiting on another screen; then look again"
)
_WRONG_AUDIENCE = TokenRejected("the token is for another audience", hint="set aud: chainloop")
_TO_CHAINLOOP = ("l", "down", "down", "down", "enter")
SCENES: dict[str, Scene] = {
    "accounts": scene_of(signed_in),
    "accounts-both": scene_of(signed_in_twice),
    "accounts-first-start": scene_of(signed_out),
    "accounts-demo": scene_of(demo),
    "accounts-token": scene_of(under_a_token),
    "accounts-session-ends": scene_of(soon_over),
    "accounts-offline": scene_of(offline),
    "accounts-locked": scene_of(locked),
    "sign-out": scene_of(signed_in, "L"),
    "why": scene_of(under_a_token, "w"),
    "login": scene_of(signed_out, "l"),
    "login-locked": scene_of(locked, "l"),
    "login-demo": scene_of(demo, "l"),
    "login-progress": scene_of(demo, "l", "enter"),
    "login-paste": scene_of(signed_out, *_TO_CHAINLOOP, "v"),
    "login-done": scene_of(signed_out, *_TO_CHAINLOOP, then=callback),
    "login-busy-port": scene_of(busy_port, "l", "enter"),
    "login-denied": scene_of(signed_out, "l", "enter", then=denied),
    "login-wrong-state": scene_of(signed_out, "l", "enter", then=foreign),
    "login-no-browser": scene_of(no_browser, "l", "enter"),
    "login-timeout": scene_of(signed_out, "l", "enter", then=too_late),
    "login-code-refused": scene_of(failing("exchange", _BROKEN), "l", "enter", then=allowed),
    "login-not-verified": scene_of(failing("verify", _SILENT), "l", "enter", then=allowed),
    "login-signed-in": scene_of(signed_out, "l", "enter", then=allowed),
    "login-chainloop-server": scene_of(failing("server_info", _SILENT), *_TO_CHAINLOOP),
    "login-chainloop-no-browser": scene_of(no_browser, *_TO_CHAINLOOP),
    "login-chainloop-timeout": scene_of(signed_out, *_TO_CHAINLOOP, then=too_late),
    "login-chainloop-wrong-state": scene_of(signed_out, *_TO_CHAINLOOP, then=foreign),
    "login-chainloop-not-verified": scene_of(failing("current", _SILENT), *_TO_CHAINLOOP, then=callback),
    "login-keychain-none": scene_of(keychain(_NO_KEYCHAIN), "l"),
    "login-keychain-denied": scene_of(keychain(_NOT_ALLOWED), "l"),
    "login-keychain-silent": scene_of(keychain(_NO_ANSWER), "l"),
    "login-chainloop-busy-port": scene_of(every_port_busy, *_TO_CHAINLOOP),
    "ci-identity": scene_of(in_job(), "l", "end", "enter"),
    "ci-identity-refused": scene_of(in_job(_WRONG_AUDIENCE), "l", "end", "enter"),
    "login-token": scene_of(signed_out, "l", "down", "down", "down", "down", "enter", *"abc", "enter"),
    "login-import": scene_of(vendor_signed_in, "l", "end"),
    "login-import-form": scene_of(vendor_signed_in, "l", "end", "enter"),
    "login-import-done": scene_of(vendor_signed_in, "l", "end", "enter", "enter"),
    "login-key": scene_of(signed_out, "l", "down", "enter", *"my-key"),
    "profiles": scene_of(signed_in, "p"),
    "organization": scene_of(signed_in, "O"),
    "no-organization": scene_of(in_no_organization),
    "create-organization": scene_of(in_no_organization, "enter", *"My"),
    "team": scene_of(signed_in_twice, "T"),
    "activity": scene_of(with_activity),
    "activity-filter": scene_of(with_activity, "slash", *"ci-"),
    "activity-export": scene_of(with_activity, "ctrl+s"),
    "activity-empty": scene_of(lambda theme: _app(theme, screen="activity")),
    "help": scene_of(signed_in, "question_mark"),
    "help-search": scene_of(signed_in, "question_mark", *"quit"),
    "palette": scene_of(signed_in, "colon"),
}
