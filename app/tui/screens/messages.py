"""Texts of errors, and the states of a screen that could not load."""

from typing import TYPE_CHECKING

from textual.content import Content
from textual.dom import DOMNode

from app.domain.errors import LoopinError, NoOrganization, NotSignedIn, SessionEnded
from app.domain.text import capital
from app.domain.times import local
from app.tui.commands.bindings import shown_key
from app.tui.commands.registry import by_id
from widgets.content_state import REFRESH, ContentState
from widgets.presenter import clean

if TYPE_CHECKING:
    from app.services.threshold import InterruptedThreshold

ACCOUNTS = "app.switch_mode('accounts')"


def sign_in_key(node: DOMNode) -> str:
    """The key that signs in above any screen, as the configuration maps it."""
    app_context = getattr(node.app, "app_context", None)
    return shown_key(by_id("app.sign_in"), app_context.keys if app_context else {})


def with_key(error: LoopinError, key: str) -> LoopinError:
    """The same error; a hint to sign in by a command names the key instead.

    The command would start another Loopin, and does not reach the demo's server.
    """
    if not isinstance(error, NotSignedIn) or "loopin " not in error.hint:
        return error
    if isinstance(error, SessionEnded):
        renewable = type(error)(error.message, hint=f"press {key} to sign in again", provider=error.provider)
        return renewable if error.stored else error
    return NotSignedIn(error.message, hint=f"press {key} to sign in")


def error_sentence(error: LoopinError, key: str) -> str:
    """What happened and the next step on one line."""
    error = with_key(error, key)
    if not error.hint:
        return clean(error.message)
    return f"{clean(error.message)}. {clean(capital(error.hint))}"


def error_lines(error: LoopinError | None, key: str) -> Content:
    """✗ and the message, with the next step below; for under a form or a list of steps."""
    if error is None:
        return Content("")
    error = with_key(error, key)
    hint = f"\n  {clean(capital(error.hint))}" if error.hint else ""
    return Content.assemble((f"✗ {clean(error.message)}", "bold $text-error"), hint)


def show_load_error(content: ContentState, error: LoopinError) -> None:
    """Show why a screen could not load, with what can be done about it, and focus the first button."""
    if isinstance(error, NoOrganization):
        _show_no_organization(content, error)
    elif isinstance(error, NotSignedIn):
        content.show_error(with_key(error, sign_in_key(content)), ("Go to Accounts", ACCOUNTS))
    else:
        content.show_error(with_key(error, sign_in_key(content)))
    content.call_after_refresh(content.focus_button)


def _show_no_organization(content: ContentState, error: NoOrganization) -> None:
    title = "You are not a member of an organization"
    check = ("Check again", REFRESH)
    if error.may_create:
        create = ("Create an organization …", "app.create_organization")
        content.show_empty(title, "Create one, or ask somebody to invite you.", create, check)
    else:
        hint = "Ask somebody to invite you. On this control plane only its operator creates organizations."
        content.show_empty(title, hint, check)


def interrupted_threshold_sentence(found: "InterruptedThreshold") -> str:
    """How a change of the threshold ended that an earlier run began without seeing its end."""
    begun = f"{local(found.entry.at):%-d %B %Y at %H:%M}"
    return f"Saving auto-revoke {clean(found.words)}. It was begun on {begun}, and no answer came then."
