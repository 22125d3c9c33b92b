"""Sentences out of errors."""

from textual.content import Content

from app.commands.registry import by_id
from app.domain.errors import APITokenGone, LoopinError, NotSignedIn, SessionEnded
from app.domain.text import capital, clean
from widgets.key_names import readable

SIGN_IN_KEY = readable(by_id("app.sign_in").keys)
"""The key that signs in, above whatever is open, unless somebody remapped it."""


def at_hand(error: LoopinError, key: str = SIGN_IN_KEY) -> LoopinError:
    """The same error; where it would have somebody sign in by a command, with the key that does it here.

    The command would start another Loopin, and does not reach the demo's server.
    """
    if not isinstance(error, NotSignedIn) or "loopin " not in error.hint:
        return error
    if isinstance(error, APITokenGone):
        hint = f"replace it where it comes from, or press {key} to sign in"
        return APITokenGone(error.message, hint=hint, provider=error.provider)
    if isinstance(error, SessionEnded):
        hint = f"press {key} to sign in again"
        return SessionEnded("your session has ended", hint=hint, provider=error.provider)
    return NotSignedIn(error.message, hint=f"press {key} to sign in")


def sentence(error: LoopinError, key: str = SIGN_IN_KEY) -> str:
    """What happened and the next step, as one cleaned text."""
    error = at_hand(error, key)
    if not error.hint:
        return clean(error.message)
    return f"{clean(error.message)}. {clean(capital(error.hint))}"


def reason(error: LoopinError | None) -> Content:
    """For under a form or a list of steps: ✗ and the message, the next step below."""
    if error is None:
        return Content("")
    error = at_hand(error)
    hint = f"\n  {clean(capital(error.hint))}" if error.hint else ""
    return Content.assemble((f"✗ {clean(error.message)}", "bold $text-error"), hint)
