"""The pictures in screenshots/: every screen and dialog, from the scenes of the snapshots.

Each is drawn dark and light; five that together have nearly every kind of widget, also with few colours.
"""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from textual.screen import Screen

from app.tui import themes
from app.tui.commands.palette import Palette
from app.tui.screens.accounts.screen import AccountsScreen
from app.tui.screens.activity.screen import ActivityScreen
from app.tui.screens.auto_revoke.save_dialog import ConfirmThreshold
from app.tui.screens.auto_revoke.screen import AutoRevokeScreen
from app.tui.screens.dialogs.ci_identity import CIIdentityDialog
from app.tui.screens.dialogs.create_organization import CreateOrganizationDialog
from app.tui.screens.dialogs.credential_dialog import CredentialDialog
from app.tui.screens.dialogs.dialog import Confirm
from app.tui.screens.dialogs.export_file import ExportDialog
from app.tui.screens.dialogs.help import HelpScreen
from app.tui.screens.dialogs.organizations import OrganizationDialog
from app.tui.screens.dialogs.profiles import ProfileDialog
from app.tui.screens.dialogs.teams import TeamDialog
from app.tui.screens.login.form import LoginFormScreen
from app.tui.screens.login.progress import LoginProgressScreen
from app.tui.screens.login.screen import LoginScreen
from app.tui.screens.tokens.ci_job_dialog import CIJobDialog
from app.tui.screens.tokens.create_token import CreateTokenDialog
from app.tui.screens.tokens.dialogs import SortDialog, TokenDialog
from app.tui.screens.tokens.reveal import RevealDialog
from app.tui.screens.tokens.revoke_many import Countdown, RevokeMany
from app.tui.screens.tokens.revoke_tokens import ConfirmRevoke
from app.tui.screens.tokens.saved_filters import SavedFiltersDialog
from app.tui.screens.tokens.screen import TokensScreen
from tests.support import scenes, scenes_rooms
from tests.support.idle import exact, settle
from tests.support.scenes import LARGE, SMALL, Pilots, Scene, Size

FOLDER = Path(__file__).resolve().parents[2] / "screenshots"
NARROWER: Size = (110, 36)
"""From 120 columns on, a token's details stand beside the list, and not in a dialog."""


@dataclass(frozen=True)
class Picture:
    """The scene of the same name, which ends on the screen `shows`."""

    shows: type[Screen[Any]]
    size: Size = LARGE
    turns: bool = True
    """Whether one app can take all looks in turn: behind the palette, nothing is painted anew."""


ALL_SCENES: dict[str, Scene] = {**scenes.SCENES, **scenes_rooms.SCENES}
PICTURES: dict[str, Picture] = {
    "accounts-first-start": Picture(AccountsScreen),
    "accounts-demo": Picture(AccountsScreen),
    "accounts-both": Picture(AccountsScreen),
    "accounts-token": Picture(AccountsScreen),
    "accounts-offline": Picture(AccountsScreen),
    "why": Picture(CredentialDialog),
    "profiles": Picture(ProfileDialog),
    "organization": Picture(OrganizationDialog),
    "no-organization": Picture(TokensScreen),
    "create-organization": Picture(CreateOrganizationDialog),
    "team": Picture(TeamDialog),
    "sign-out": Picture(Confirm),
    "login": Picture(LoginScreen),
    "login-locked": Picture(LoginScreen),
    "login-progress": Picture(LoginProgressScreen),
    "login-signed-in": Picture(LoginProgressScreen),
    "login-busy-port": Picture(LoginProgressScreen),
    "login-wrong-state": Picture(LoginProgressScreen),
    "login-import": Picture(LoginScreen),
    "login-key": Picture(LoginFormScreen),
    "ci-identity": Picture(CIIdentityDialog),
    "tokens": Picture(TokensScreen),
    "tokens-marked": Picture(TokensScreen),
    "tokens-empty": Picture(TokensScreen),
    "tokens-detail": Picture(TokenDialog, NARROWER),
    "tokens-sort": Picture(SortDialog),
    "tokens-saved-filters": Picture(SavedFiltersDialog),
    "tokens-keyless": Picture(CIJobDialog),
    "create": Picture(CreateTokenDialog),
    "reveal": Picture(RevealDialog),
    "rotate": Picture(Confirm),
    "revoke-one": Picture(ConfirmRevoke),
    "revoke-children": Picture(ConfirmRevoke),
    "revoke-many": Picture(ConfirmRevoke),
    "revoke-countdown": Picture(Countdown),
    "revoke-results": Picture(RevokeMany),
    "export": Picture(ExportDialog),
    "auto-revoke": Picture(AutoRevokeScreen),
    "auto-revoke-lowered": Picture(AutoRevokeScreen),
    "auto-revoke-save": Picture(ConfirmThreshold),
    "auto-revoke-viewer": Picture(AutoRevokeScreen),
    "activity": Picture(ActivityScreen),
    "activity-export": Picture(ExportDialog),
    "help": Picture(HelpScreen),
    "palette": Picture(Palette, turns=False),
}
LOOKS = {"dark": themes.DARK, "light": themes.LIGHT, "ansi": themes.ANSI, "no-color": themes.DARK}
_COLOURLESS = "no-color"
IN_EVERY_LOOK = frozenset({"accounts-both", "login-progress", "tokens", "revoke-many", "auto-revoke"})
"""A room of cards; a list of steps; a table with details; a dialog with an input and a button that cannot be
pressed yet; a histogram with a slider."""

# Rich draws the picture for a page of its own: with web fonts, an id to tell it from others, and a clip
# for every line, which no character leaves.
_FOR_A_PAGE = re.compile(
    r"@font-face\s*{[^}]*}\s*|(?<=terminal-)\d+-|<clipPath id=\"[^\"]*-line-\d+\">.*?</clipPath>\s*"
    r"| clip-path=\"url\(#[^\"]*-line-\d+\)\"",
    re.DOTALL,
)
_FRAME = 'fill="#292929" stroke="rgba(255,255,255,0.35)"'
_TITLE = 'fill="#c5c8c6"'
_LIGHTS = re.compile(r"<g transform=\"translate\(26,22\)\">.*?</g>\s*", re.DOTALL)


@contextmanager
def reproducible() -> Iterator[None]:
    """Apps are drawn the same on every machine: in UTC, and when they are idle."""
    try:
        with patch.dict("os.environ", TZ="UTC"), exact():
            time.tzset()
            yield
    finally:
        time.tzset()


def looks_of(name: str) -> tuple[str, ...]:
    """The looks in which the scene is drawn."""
    return tuple(LOOKS) if name in IN_EVERY_LOOK else ("dark", "light")


def snapshots_of(names: Iterable[str]) -> list[tuple[str, str, Size]]:
    """Scene, theme and size of the snapshots: small and dark, large and light; none is in screenshots/."""
    looks = ((themes.DARK.name, SMALL), (themes.LIGHT.name, LARGE))
    return [
        (name, theme, size)
        for name in names
        for theme, size in looks
        if name not in PICTURES or PICTURES[name].size != size
    ]


def file_of(name: str, look: str) -> Path:
    """Where the picture is kept."""
    return FOLDER / f"{name}.{look}.svg"


async def draw(name: str) -> tuple[dict[str, str], type[object]]:
    """The pictures by look, as they are kept, and the class of the screen that they show."""
    drawn: dict[str, str] = {}
    shown: type[object] = object
    scene, looks = ALL_SCENES[name], looks_of(name)
    for turn in (looks,) if PICTURES[name].turns else ((look,) for look in looks):
        app = scene.make(LOOKS[turn[0]].name)
        async with app.run_test(size=PICTURES[name].size) as pilot:
            await scene.play(pilot)
            for look in turn:
                await _turn(pilot, look)
                drawn[look] = tidied(app.export_screenshot(title="loopin"), look)
            shown = type(app.screen)
    return drawn, shown


async def _turn(pilot: Pilots, look: str) -> None:
    """Another look, as with the key `t`; NO_COLOR is what the variable makes of it."""
    app, colourless = pilot.app, look == _COLOURLESS
    if (app.theme, app.no_color) == (LOOKS[look].name, colourless):
        return
    app.no_color = colourless
    app.theme = LOOKS[look].name
    await settle(pilot)


def tidied(svg: str, look: str) -> str:
    """The picture without what it would fetch, and in a frame of its own colour."""
    theme = LOOKS[look]
    svg = _LIGHTS.sub("", _FOR_A_PAGE.sub("", svg))
    if not theme.ansi and look != _COLOURLESS:
        # The frame has the ground of the screen: it needs to be drawn once.
        svg = re.sub(rf'<rect fill="{theme.background}" [^>]*/>', "", svg)
        svg = svg.replace(_FRAME, f'fill="{theme.background}" stroke="{theme.variables["border-blurred"]}"')
        svg = svg.replace(_TITLE, f'fill="{theme.variables["text-muted"]}"')
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def all_files() -> Iterator[Path]:
    """Every file that there should be."""
    return (file_of(name, look) for name in PICTURES for look in looks_of(name))
