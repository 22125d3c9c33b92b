"""Lifetimes, scopes, and which redirect URIs are the same."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

CODE_LIFE = timedelta(seconds=60)
ACCESS_LIFE = timedelta(hours=1)
REFRESH_LIFE = timedelta(days=90)
# From a person's consent on: no refresh makes a grant live longer.
GRANT_LIFE = timedelta(days=30)
# A client whose answer was lost, or that refreshes twice at the same time, may repeat the old token so long.
REPEAT_WINDOW = timedelta(seconds=10)

ACCESS, REFRESH = "access", "refresh"
API_SCOPE, USERINFO_SCOPE = "gumloop_api", "userinfo"
SCOPES = {
    API_SCOPE: "Use the Gumloop API as you: models, teams and organizations",
    USERINFO_SCOPE: "See your name, e-mail address and user ID",
}
GRANT_TYPES = ("authorization_code", "refresh_token")
RESPONSE_TYPES = ("code",)
AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")
# Written out and not parsed: two readers of one URL must not disagree about its host.
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([1-9][0-9]{0,4}))?(/[!-\[\]-~]*)?")
_MAX_PORT = 65535


def is_loopback(uri: str) -> bool:
    """True for plain http on a loopback IP address."""
    return _without_port(uri) is not None


def same_redirect(uri: str, registered: str) -> bool:
    """Exact match (RFC 9700 §4.1.3); on a loopback address any port will do (RFC 8252 §7.3)."""
    if uri == registered:
        return True
    bare = _without_port(uri)
    return bare is not None and bare == _without_port(registered)


def origin_of(uri: str) -> str:
    """Scheme, host and port of a redirect URI that was checked before."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _without_port(uri: str) -> tuple[str, str] | None:
    found = _LOOPBACK.fullmatch(uri)
    if found is None or "#" in uri or int(found[2] or 80) > _MAX_PORT:
        return None
    return found[1], found[3] or "/"
