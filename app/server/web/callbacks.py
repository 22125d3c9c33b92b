"""Where a finished sign-in may send the browser: loopback or this server, nowhere else (RFC 8252 §7.3)."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

from app.domain.errors import InvalidInput
from app.domain.text import clean
from app.server.web.headers import can_name

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MAX_LENGTH = 2000
_REFUSED = "the callback is not an address on this computer"


@dataclass(frozen=True, slots=True)
class Callback:
    """A checked callback. `origin` is scheme, host and port, empty for one on this server."""

    url: str
    origin: str

    @property
    def place(self) -> str:
        """Host and port, for people to read."""
        return self.origin.partition("://")[2]

    @property
    def follows_form(self) -> bool:
        """Whether the form's policy can name the origin, so that a redirect may lead there."""
        return can_name(self.origin)

    def with_token(self, token: str) -> str:
        """The callback with `t` added; what was in its query stays as it was written."""
        parts = urlsplit(self.url)
        kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] != "t"]
        query = "&".join([*kept, f"t={quote(token, safe='')}"])
        return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, ""))


def check(value: str) -> Callback | None:
    """Read a callback; None when there is none. Raises InvalidInput for any other place."""
    if not value:
        return None
    # Browsers drop tabs and line ends and read a backslash as a slash (WHATWG URL §4.4).
    if (
        len(value) > MAX_LENGTH
        or "\\" in value
        or not value.isascii()
        or not value.isprintable()
        or " " in value
    ):
        raise InvalidInput(_REFUSED)
    if value.startswith("/") and not value.startswith("//"):
        return Callback(value, "")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(_REFUSED) from error
    if parts.scheme not in {"http", "https"} or host not in LOOPBACK or "@" in parts.netloc or port == 0:
        raise InvalidInput(_REFUSED)
    shown = f"[{host}]" if ":" in host else host
    return Callback(value, clean(f"{parts.scheme}://{shown}{f':{port}' if port else ''}"))
