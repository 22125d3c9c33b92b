"""Which redirect URIs are the same."""

import re
from urllib.parse import urlsplit

# Written out and not parsed: two readers of one URL must not disagree about its host.
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([1-9][0-9]{0,4}))?(/[!-\[\]-~]*)?")
_MAX_PORT = 65535


def is_loopback(uri: str) -> bool:
    """True for plain http on a loopback IP address."""
    return _without_port(uri) is not None


def matches(uri: str, registered: str) -> bool:
    """Exact match (RFC 9700 §4.1.3); on a loopback address any port will do (RFC 8252 §7.3)."""
    if uri == registered:
        return True
    bare = _without_port(uri)
    return bare is not None and bare == _without_port(registered)


def origin(uri: str) -> str:
    """Scheme, host and port of a redirect URI that was checked before."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _without_port(uri: str) -> tuple[str, str] | None:
    found = _LOOPBACK.fullmatch(uri)
    if found is None or "#" in uri or int(found[2] or 80) > _MAX_PORT:
        return None
    return found[1], found[3] or "/"
