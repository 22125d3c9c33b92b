"""Scenes of the Tokens and of the Auto-revoke room."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from textual.widgets import Input

from app.domain.errors import AlreadyExists, Unreachable
from app.domain.organizations import Role
from app.domain.read_only import ReadOnlyMode
from app.domain.server_info import TOKEN_PERMISSIONS
from app.main import LoopinApp
from tests.support import app as fakes
from tests.support.sample_tokens import tokens
from tests.support.scenes import Pilots, Scene
from widgets.state_view import StateView

Make = Callable[[str], LoopinApp]
TURNS = 400


def _made(screen: str, prepare: Callable[[fakes.FakeContainer], object], *, demo: bool = False) -> Make:
    def make(theme: str) -> LoopinApp:
        box = fakes.container(theme=theme)
        box.plane.tokens = list(tokens(fakes.NOW))
        prepare(box)
        return fakes.app(box, screen=screen, demo=fakes.FakeDemo() if demo else None)

    return make


def _nothing(box: fakes.FakeContainer) -> None:
    """As it is."""


def _viewer(box: fakes.FakeContainer) -> None:
    box.plane.role = Role.VIEWER


def _member(box: fakes.FakeContainer) -> None:
    box.plane.role = Role.MEMBER


def _empty(box: fakes.FakeContainer) -> None:
    box.plane.tokens = []


def _offline(box: fakes.FakeContainer) -> None:
    box.plane.fail["current"] = Unreachable(
        "api.acme.example:443 does not answer: connection refused",
        hint="check the address and your connection, then press r",
    )


def _taken(box: fakes.FakeContainer) -> None:
    box.plane.fail["create_token"] = AlreadyExists("the name is taken", hint="choose another name")


def _off(box: fakes.FakeContainer) -> None:
    box.plane.threshold = 0


def _read_only(box: fakes.FakeContainer) -> None:
    chainloop = replace(box.settings.chainloop, read_only=ReadOnlyMode(everything=True))
    box.settings = replace(box.settings, chainloop=chainloop)


def _redacted(box: fakes.FakeContainer) -> None:
    box.settings = replace(box.settings, redact=True)


def _permissions(box: fakes.FakeContainer) -> None:
    box.plane.capabilities |= {TOKEN_PERMISSIONS}


class Saved:
    """Two filters, kept in memory."""

    def __init__(self) -> None:
        self.kept = {"stale-ci": "name:ci-* idle>30d", "unused": "never !scope:project"}

    async def all(self) -> Mapping[str, str]:
        """All."""
        return self.kept

    async def save(self, name: str, text: str) -> None:
        """Keep."""
        self.kept[name] = text

    async def delete(self, name: str) -> None:
        """Drop."""
        self.kept.pop(name, None)


def _saved(box: fakes.FakeContainer) -> None:
    box.__dict__["filters"] = Saved()


def under_a_token(screen: str) -> Make:
    """CHAINLOOP_TOKEN is set."""

    def make(theme: str) -> LoopinApp:
        box = fakes.container(theme=theme, environment=fakes.CI_TOKEN)
        return fakes.app(box, screen=screen)

    return make


async def filled(pilot: Pilots) -> None:
    """Wait until the room has read what it shows."""
    for _ in range(TURNS):
        views = pilot.app.screen_stack[0].query(StateView)
        if views and views.first().state != "loading":
            break
        await pilot.pause()
    await pilot.pause()


def _then(*keys: str) -> Callable[[Pilots], Awaitable[None]]:
    async def press(pilot: Pilots) -> None:
        await filled(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        # A dialog may be opened, and a list read, by a worker.
        for _ in range(8):
            await pilot.pause()
        for field in pilot.app.screen.query(Input):
            field.cursor_blink = False
        await pilot.pause()

    return press


def _scene(make: Make, *keys: str) -> Scene:
    return Scene(make, then=_then(*keys))


_TOKENS = _made("tokens", _nothing)
_REVOKE = _made("auto_revoke", _nothing)
SCENES: dict[str, Scene] = {
    "tokens": _scene(_TOKENS),
    "tokens-demo": _scene(_made("tokens", _nothing, demo=True)),
    "tokens-at-risk": _scene(_TOKENS, "right"),
    "tokens-expiring": _scene(_TOKENS, "right", "right"),
    "tokens-expired": _scene(_TOKENS, "right", "right", "right"),
    "tokens-revoked": _scene(_TOKENS, "left", "left"),
    "tokens-all": _scene(_TOKENS, "left"),
    "tokens-filter": _scene(_TOKENS, "slash", *"web"),
    "tokens-nothing-matches": _scene(_TOKENS, "slash", *"zzz"),
    "tokens-marked": _scene(_TOKENS, "space", "space", "space"),
    "tokens-detail": _scene(_TOKENS, "j", "enter"),
    "tokens-sort": _scene(_TOKENS, "s"),
    "tokens-token": _scene(under_a_token("tokens")),
    "tokens-empty": _scene(_made("tokens", _empty)),
    "tokens-offline": _scene(_made("tokens", _offline)),
    "tokens-viewer": _scene(_made("tokens", _viewer)),
    "tokens-read-only": _scene(_made("tokens", _read_only)),
    "tokens-redacted": _scene(_made("tokens", _redacted)),
    "tokens-saved-filters": _scene(_made("tokens", _saved), "slash", *"project:web", "down", "F"),
    "tokens-keyless": _scene(_TOKENS, "G", "K"),
    "create-permissions": _scene(
        _made("tokens", _permissions), "n", *"ci-new", "tab", "tab", "tab", "tab", "right", "right", "tab"
    ),
    "create": _scene(_TOKENS, "n", *"ci-web-2026"),
    "create-bad-name": _scene(_made("tokens", _member), "n", *"CI"),
    "create-date": _scene(_TOKENS, "n", *"ci-new", "tab", "tab", "tab", "right", "right"),
    "create-refused": _scene(_made("tokens", _taken), "n", *"ci-new", "enter"),
    "reveal": _scene(_TOKENS, "n", *"ci-new", "enter"),
    "reveal-shown": _scene(_TOKENS, "n", *"ci-new", "enter", "s", "k"),
    "reveal-saved": _scene(_TOKENS, "n", *"ci-new", "enter", "k", "enter"),
    "reveal-leave": _scene(_TOKENS, "n", *"ci-new", "enter", "escape"),
    "revoke-one": _scene(_TOKENS, "G", "ctrl+d"),
    "revoke-many": _scene(_TOKENS, "space", "space", "space", "ctrl+d"),
    "revoke-countdown": _scene(_TOKENS, "space", "space", "space", "ctrl+d", *"3 acme", "enter", "enter"),
    "revoke-results": _scene(
        _TOKENS,
        "space",
        "space",
        "space",
        "ctrl+d",
        *"3 acme",
        "enter",
        "enter",
        "tab",
        "enter",
    ),
    "export": _scene(_TOKENS, "ctrl+s"),
    "rotate": _scene(_TOKENS, "G", "R"),
    "auto-revoke": _scene(_REVOKE),
    "auto-revoke-lowered": _scene(_REVOKE, "left"),
    "auto-revoke-off": _scene(_made("auto_revoke", _off)),
    "auto-revoke-save": _scene(_REVOKE, "left", "ctrl+s"),
    "auto-revoke-viewer": _scene(_made("auto_revoke", _viewer)),
    "auto-revoke-read-only": _scene(_made("auto_revoke", _read_only)),
    "auto-revoke-token": _scene(under_a_token("auto_revoke")),
    "auto-revoke-demo": _scene(_made("auto_revoke", _nothing, demo=True)),
    "auto-revoke-offline": _scene(_made("auto_revoke", _offline)),
}
