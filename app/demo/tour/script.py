"""What the tour shows: keys, what they lead to, and the words for it. Three chapters, in order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textual.screen import Screen
from textual.widgets import Button, OptionList, Static

from app.tui.app import LoopinApp
from app.tui.screens.accounts.screen import AccountsScreen
from app.tui.screens.login.progress import LoginProgressScreen
from app.tui.screens.login.screen import LoginScreen
from app.tui.screens.tokens.revoke_many import Countdown, RevokeMany
from app.tui.screens.tokens.revoke_tokens import ConfirmRevoke
from app.tui.screens.tokens.screen import TokensScreen
from widgets.content_state import ContentState
from widgets.threshold_preview import ThresholdPreview
from widgets.token_table import TokenTable

Reached = Callable[[LoopinApp], bool]
UNUSED = "idle>90d"


@dataclass(frozen=True, slots=True)
class Beat:
    """Press `keys`, wait for `reached`, show `caption` for `seconds`.

    In `keys` a word in angle brackets is one key (`<enter>`), everything else is typed. `again` is
    pressed until `reached` holds, where it depends on the screen how often that is.
    """

    name: str
    keys: str
    reached: Reached
    caption: str
    seconds: float = 4.0
    again: str = ""


def _screen(app: LoopinApp, kind: type[Screen[Any]]) -> bool:
    return isinstance(app.screen, kind)


def _asked(app: LoopinApp) -> bool:
    return _screen(app, AccountsScreen) and app.account_state.asked


def _signed_in(app: LoopinApp) -> bool:
    return _asked(app) and app.account_state.signed_in_anywhere


def _on_browser_login(app: LoopinApp) -> bool:
    if not _screen(app, LoginScreen):
        return False
    ways = app.screen.query_one(OptionList)
    return ways.highlighted is not None and "Browser login" in str(
        ways.get_option_at_index(ways.highlighted).prompt
    )


def _came_back(app: LoopinApp) -> bool:
    return _screen(app, LoginProgressScreen) and app.screen.query_one("#continue").display


def _filled(app: LoopinApp) -> bool:
    views = app.screen.query(ContentState)
    return bool(views) and views.first().state == "filled"


def _listed(app: LoopinApp) -> bool:
    return _screen(app, TokensScreen) and _filled(app) and bool(app.screen.query_one(TokenTable).rows)


def _filtered(app: LoopinApp) -> bool:
    return _listed(app) and isinstance(app.focused, TokenTable)


def _marked(app: LoopinApp) -> bool:
    return _listed(app) and "marked" in str(app.screen.query_one("#filter-note", Static).visual)


def _nothing_left(app: LoopinApp) -> bool:
    return _screen(app, TokensScreen) and not app.screen.query_one(TokenTable).rows


def _enabled(app: LoopinApp) -> bool:
    return _screen(app, ConfirmRevoke) and not app.screen.query_one("#yes").disabled


def _may_revoke(app: LoopinApp) -> bool:
    return _screen(app, ConfirmRevoke) and app.focused is not None and app.focused.id == "yes"


def _all_told(app: LoopinApp) -> bool:
    return _screen(app, RevokeMany) and any(
        str(button.label) == "Close" for button in app.screen.query(Button)
    )


def _looking_at(days: int) -> Reached:
    def reached(app: LoopinApp) -> bool:
        views = app.screen.query(ThresholdPreview)
        partition = views.first().partition if views else None
        return _filled(app) and partition is not None and partition.threshold == days

    return reached


SIGN_IN = (
    Beat("welcome", "", _asked, "Sample data on your own machine. Nobody is signed in yet."),
    Beat(
        "choose", "l", _on_browser_login, "Every way to sign in, and where the login is kept.", again="down"
    ),
    Beat(
        "watch",
        "<enter>",
        _came_back,
        "Each step as it happens. A page came up in the browser, Ada allowed it, and the answer was checked.",
        6,
    ),
    Beat("signed-in", "<enter>", _signed_in, "Who, where, until when, and which credential counts and why."),
)
REVOKE = (
    Beat("tokens", "2", _listed, "Every API token of the organization, the soonest deadline first."),
    Beat(
        "unused", f"/{UNUSED}<enter>", _filtered, "Which ones has nobody used for 90 days? Four of them.", 5
    ),
    Beat("marked", "*", _marked, "All in the filter are marked with one key."),
    Beat(
        "asked",
        "<ctrl+d>",
        lambda app: _screen(app, ConfirmRevoke) and app.focused is not None,
        "There is no un-revoke, so Loopin asks for the number and the organization.",
        5,
    ),
    Beat("typed", "4 acme", _enabled, "Typed. Only now can the button be pressed.", 3),
    Beat("ready", "<enter>", _may_revoke, "The last look at what will end.", 2),
    Beat("countdown", "<enter>", lambda app: _screen(app, Countdown), "Ten seconds to change one's mind.", 2),
    Beat("revoked", "", _all_told, "Each one with its receipt, read back from the server.", 5),
    Beat("proof", "<enter>", _nothing_left, "Listed again: nobody is left who was idle that long."),
    Beat("gone", "<escape>", _listed, "Without the filter: the four are gone, the others work on."),
)
THRESHOLD = (
    Beat("threshold", "3", _looking_at(90), "The same by itself: what nobody uses for 90 days is revoked."),
    Beat("365", "<right><right>", _looking_at(365), "365 days: every token is safe.", 5),
    Beat("90", "<left><left>", _looking_at(90), "90 days: some have a week left.", 5),
    Beat("30", "<left><left>", _looking_at(30), "30 days: rows change sides before anything is saved.", 6),
    Beat("undone", "<escape>", _looking_at(90), "Nothing was saved. Escape goes back to what is in force."),
)
CHAPTERS = {"sign-in": SIGN_IN, "revoke": REVOKE, "threshold": THRESHOLD}
SCRIPT = (*SIGN_IN, *REVOKE, *THRESHOLD)
