"""Error responses of a Gumloop server, as errors of the domain.

Shapes: {"error": {"code", "message", …}} · {"error": code, "message", …} · RFC 6749 §5.2
{"error", "error_description"} · a bare text · a page of HTML · nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from app.domain.credentials import Provider
from app.domain.errors import (
    AlreadyExists,
    BadReply,
    Failed,
    InvalidInput,
    LoopinError,
    NotFound,
    PermissionDenied,
    RateLimited,
    Refused,
    SessionEnded,
)
from app.domain.json_text import read_json
from app.domain.secret import Secret
from app.domain.text import clean

MAX_TEXT = 300
"""Characters of a server's own text that are passed on."""


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """A code for programs and a text for people; either may be empty."""

    code: str = ""
    text: str = ""


def read_error(response: httpx.Response, secrets: Iterable[Secret] = ()) -> ErrorReply:
    """Read an error body. Secrets that the server repeats are taken out."""
    try:
        body: Any = read_json(response.content)
    except ValueError:
        return ErrorReply(text=_clean(_plain_text(response), secrets))
    if not isinstance(body, Mapping):
        return ErrorReply(text=_clean(body if isinstance(body, str) else "", secrets))
    error = body.get("error")
    if isinstance(error, Mapping):
        return ErrorReply(_clean(error.get("code"), secrets), _clean(error.get("message"), secrets))
    words = body.get("message") or body.get("error_description") or body.get("detail")
    return ErrorReply(_clean(error, secrets), _clean(words, secrets))


def translate_error(response: httpx.Response, secrets: Iterable[Secret] = ()) -> LoopinError:
    """The error for a response that is not a success."""
    host, status = response.url.netloc.decode(), response.status_code
    reply = read_error(response, secrets)
    words = reply.text or reply.code.replace("_", " ")
    message = f"{host} says: {words}" if words else f"{host} answered HTTP {status}"
    if reply.code.startswith("tier_required"):
        return PermissionDenied(message, hint="the Pro plan or above is needed")
    if status == 429:
        wait = retry_after(response)
        hint = f"try again in {wait:.0f} seconds" if wait is not None else "wait a while, and try again"
        return RateLimited(f"too many requests: {message}", hint=hint, retry_after=wait)
    if status >= 500:
        hint = "the server has a problem of its own; try again later"
        return Failed(message, hint=hint, retry_after=retry_after(response))
    if 300 <= status < 400 or status < 200:
        return BadReply(f"{host} does not answer here: it points elsewhere", hint="check the base URL")
    if status == HTTPStatus.UNAUTHORIZED:
        hint = "sign in again: loopin gumloop login"
        return SessionEnded(message, hint=hint, provider=Provider.GUMLOOP)
    kind, hint = _KINDS.get(status, (Refused, ""))
    return kind(message, hint=hint)


_KINDS: Mapping[int, tuple[type[LoopinError], str]] = {
    400: (InvalidInput, ""),
    403: (PermissionDenied, "the account or the team in use may not do this"),
    404: (NotFound, "check the base URL and the team"),
    409: (AlreadyExists, ""),
    422: (InvalidInput, ""),
}


def unexpected_body(response: httpx.Response) -> BadReply:
    """The error for a success whose body is not that of the API."""
    host = response.url.netloc.decode()
    what = "nothing" if not response.content else "a web page" if _is_html(response) else "something else"
    return BadReply(
        f"{host} answered with {what} instead of JSON", hint="check the base URL; is a proxy in between?"
    )


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait (RFC 9110 §10.2.3), at most a day."""
    value = response.headers.get("retry-after", "")
    try:
        seconds = float(value) if value.isdigit() else _seconds_until(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), 86_400.0)


def _seconds_until(date: str) -> float:
    moment = parsedate_to_datetime(date)
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _plain_text(response: httpx.Response) -> str:
    return "" if _is_html(response) else response.content[: 4 * MAX_TEXT].decode("utf-8", "replace").strip()


def _is_html(response: httpx.Response) -> bool:
    return "html" in response.headers.get("content-type", "") or response.content.lstrip()[:1] == b"<"


def _clean(text: object, secrets: Iterable[Secret]) -> str:
    if not isinstance(text, str):
        return ""
    for secret in secrets:
        text = text.replace(secret.reveal(), secret.hint)
    return clean(text.strip(), MAX_TEXT)
