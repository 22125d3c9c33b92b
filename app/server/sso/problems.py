"""What a page says when a sign-in through the provider did not work out."""

from flask import Response, render_template

from app.domain import errors
from app.server.database.trouble import RETRY_AFTER, NoDatabase

_KINDS: tuple[tuple[type[errors.LoopinError], int, str], ...] = (
    (errors.StateMismatch, 400, "This sign-in cannot be finished"),
    (errors.AccessDenied, 403, "You were not signed in"),
    (errors.TokenRejected, 403, "The answer of your identity provider does not hold"),
    (errors.RateLimited, 429, "Too many sign-ins at once"),
    (errors.PermissionDenied, 403, "You cannot sign in here"),
    (errors.BadReply, 502, "Your identity provider could not be understood"),
    (NoDatabase, 503, "You cannot be signed in at this moment"),
    (errors.Unreachable, 503, "Your identity provider does not answer"),
    (errors.Refused, 503, "Your identity provider cannot be asked"),
    (errors.LoopinError, 500, "Something is not set up right here"),
)


def page(error: errors.LoopinError, back: str = "") -> Response:
    """The refusal in two sentences; `back` is where to try again."""
    status, title = next((status, title) for kind, status, title in _KINDS if isinstance(error, kind))
    step = sentence(error.hint or "start the sign-in again")
    html = render_template("problem.html", title=title, text=sentence(error.message), step=step, back=back)
    answer = Response(html, status)
    if isinstance(error, errors.RateLimited) and error.retry_after:
        answer.headers["Retry-After"] = str(round(error.retry_after))
    elif isinstance(error, NoDatabase):
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def sentence(text: str) -> str:
    """With a full stop, and a capital letter unless a host name comes first."""
    first = text.partition(" ")[0].rstrip(":")
    begin = text[:1].upper() if first.isalpha() and first != "localhost" else text[:1]
    return f"{begin}{text[1:]}."
