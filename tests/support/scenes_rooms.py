"""Scenes of the Tokens and of the Auto-revoke room."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from app.domain.errors import AlreadyExists, Unreachable
from app.domain.organizations import Role
from app.domain.read_only import ReadOnlyMode
from app.domain.server_info import TOKEN_PERMISSIONS
from app.tui.app import LoopinApp
from tests.support import app as fakes
from tests.support.rooms import children, limited
from tests.support.sample_tokens import tokens
from tests.support.scenes import Scene, scene_of

Make = Callable[[str], LoopinApp]


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
    chainloop = box.settings.chainloop._replace(read_only=ReadOnlyMode(everything=True))
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
    box.filters = Saved()


def under_a_token(screen: str) -> Make:
    """CHAINLOOP_TOKEN is set."""

    def make(theme: str) -> LoopinApp:
        box = fakes.container(theme=theme, environment=fakes.CI_TOKEN)
        return fakes.app(box, screen=screen)

    return make


def _limited(box: fakes.FakeContainer) -> None:
    box.settings = fakes.settings(environment=fakes.CI_TOKEN, theme=box.settings.theme)
    limited(40, box)


_TOKENS = _made("tokens", _nothing)
_FAMILY = ("slash", *"ops-backup", "enter")
_REVOKE = _made("auto_revoke", _nothing)
SCENES: dict[str, Scene] = {
    "tokens": scene_of(_TOKENS),
    "tokens-demo": scene_of(_made("tokens", _nothing, demo=True)),
    "tokens-at-risk": scene_of(_TOKENS, "right"),
    "tokens-expiring": scene_of(_TOKENS, "right", "right"),
    "tokens-expired": scene_of(_TOKENS, "right", "right", "right"),
    "tokens-revoked": scene_of(_TOKENS, "left", "left"),
    "tokens-all": scene_of(_TOKENS, "left"),
    "tokens-filter": scene_of(_TOKENS, "slash", *"web"),
    "tokens-nothing-matches": scene_of(_TOKENS, "slash", *"zzz"),
    "tokens-marked": scene_of(_TOKENS, "space", "space", "space"),
    "tokens-detail": scene_of(_TOKENS, "j", "enter"),
    "tokens-created": scene_of(_made("tokens", children), *_FAMILY, "down", "enter"),
    "tokens-sort": scene_of(_TOKENS, "s"),
    "tokens-token": scene_of(under_a_token("tokens")),
    "tokens-empty": scene_of(_made("tokens", _empty)),
    "tokens-offline": scene_of(_made("tokens", _offline)),
    "tokens-viewer": scene_of(_made("tokens", _viewer)),
    "tokens-read-only": scene_of(_made("tokens", _read_only)),
    "tokens-redacted": scene_of(_made("tokens", _redacted)),
    "tokens-saved-filters": scene_of(_made("tokens", _saved), "slash", *"project:web", "down", "F"),
    "tokens-keyless": scene_of(_TOKENS, "G", "K"),
    "create-permissions": scene_of(
        _made("tokens", _permissions), "n", *"ci-new", "tab", "tab", "tab", "tab", "right", "right", "tab"
    ),
    "create": scene_of(_TOKENS, "n", *"ci-web-2026"),
    "create-bad-name": scene_of(_made("tokens", _member), "n", *"CI"),
    "create-date": scene_of(_TOKENS, "n", *"ci-new", "tab", "tab", "tab", "right", "right"),
    "create-latest": scene_of(_made("tokens", _limited), "n", *"ci-new"),
    "create-refused": scene_of(_made("tokens", _taken), "n", *"ci-new", "enter"),
    "reveal": scene_of(_TOKENS, "n", *"ci-new", "enter"),
    "reveal-shown": scene_of(_TOKENS, "n", *"ci-new", "enter", "s", "k"),
    "reveal-saved": scene_of(_TOKENS, "n", *"ci-new", "enter", "k", "enter"),
    "reveal-leave": scene_of(_TOKENS, "n", *"ci-new", "enter", "escape"),
    "revoke-one": scene_of(_TOKENS, "G", "ctrl+d"),
    "revoke-parent": scene_of(_made("tokens", children), *_FAMILY, "ctrl+d"),
    "revoke-children": scene_of(
        _made("tokens", children), *_FAMILY, "ctrl+d", "shift+tab", "shift+tab", "space"
    ),
    "revoke-many": scene_of(_TOKENS, "space", "space", "space", "ctrl+d"),
    "revoke-countdown": scene_of(_TOKENS, "space", "space", "space", "ctrl+d", *"3 acme", "enter", "enter"),
    "revoke-results": scene_of(
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
    "export": scene_of(_TOKENS, "ctrl+s"),
    "rotate": scene_of(_TOKENS, "G", "R"),
    "rotate-latest": scene_of(_made("tokens", _limited), "slash", *"web-canary", "enter", "R"),
    "auto-revoke": scene_of(_REVOKE),
    "auto-revoke-lowered": scene_of(_REVOKE, "left"),
    "auto-revoke-off": scene_of(_made("auto_revoke", _off)),
    "auto-revoke-save": scene_of(_REVOKE, "left", "ctrl+s"),
    "auto-revoke-viewer": scene_of(_made("auto_revoke", _viewer)),
    "auto-revoke-read-only": scene_of(_made("auto_revoke", _read_only)),
    "auto-revoke-token": scene_of(under_a_token("auto_revoke")),
    "auto-revoke-demo": scene_of(_made("auto_revoke", _nothing, demo=True)),
    "auto-revoke-offline": scene_of(_made("auto_revoke", _offline)),
}
