"""Sentences out of errors, and of what was interrupted."""

from typing import TYPE_CHECKING

from textual.content import Content
from textual.dom import DOMNode

from app.domain.errors import LoopinError, NoOrganization, NotSignedIn, SessionEnded
from app.domain.text import capital
from app.domain.times import local
from app.tui.commands.bindings import shown_key
from app.tui.commands.registry import by_id
from widgets.content_state import StateView
from widgets.presenter import clean

if TYPE_CHECKING:
    from app.services.threshold import InterruptedThreshold
    from app.tui.screens.account_state import Frame


def sign_in_key(node: DOMNode) -> str:
    """The key that signs in, above whatever is open, as the person has mapped it."""
    frame: Frame | None = getattr(node.app, "frame", None)
    return shown_key(by_id("app.sign_in"), frame.keys if frame else {})


def at_hand(error: LoopinError, key: str) -> LoopinError:
    """The same error; where it would have somebody sign in by a command, with the key that does it here.

    The command would start another Loopin, and does not reach the demo's server.
    """
    if not isinstance(error, NotSignedIn) or "loopin " not in error.hint:
        return error
    if isinstance(error, SessionEnded):
        again = type(error)(error.message, hint=f"press {key} to sign in again", provider=error.provider)
        return again if error.stored else error
    return NotSignedIn(error.message, hint=f"press {key} to sign in")


def sentence(error: LoopinError, key: str) -> str:
    """What happened and the next step, as one cleaned text."""
    error = at_hand(error, key)
    if not error.hint:
        return clean(error.message)
    return f"{clean(error.message)}. {clean(capital(error.hint))}"


def reason(error: LoopinError | None, key: str) -> Content:
    """For under a form or a list of steps: ✗ and the message, the next step below."""
    if error is None:
        return Content("")
    error = at_hand(error, key)
    hint = f"\n  {clean(capital(error.hint))}" if error.hint else ""
    return Content.assemble((f"✗ {clean(error.message)}", "bold $text-error"), hint)


def show_no_organization(view: StateView, error: NoOrganization) -> None:
    """The state of a room for somebody who is a member of no organization."""
    title = "You are not a member of an organization"
    if not error.may_create:
        hint = "Ask somebody to invite you. On this control plane only its operator creates organizations."
        view.show_empty(title, hint, button="Check again", action="retry")
        return
    view.show_empty(
        title,
        "Create one, or ask somebody to invite you.",
        button="Create an organization …",
        action="create_organization",
        other=("Check again", "retry"),
    )


def interrupted_threshold(found: "InterruptedThreshold") -> str:
    """What became of a change of the threshold that an earlier run began and nobody saw end."""
    begun = f"{local(found.entry.at):%-d %B %Y at %H:%M}"
    return f"Saving auto-revoke {clean(found.words)}. It was begun on {begun}, and no answer came then."
