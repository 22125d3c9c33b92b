"""What is this machine itself."""

import ipaddress
import re

# Written out and not parsed: two readers of one URL must not disagree about its host.
_LOOPBACK_REDIRECT = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([1-9][0-9]{0,4}))?(/[!-\[\]-~]*)?")
_MAX_PORT = 65535


def is_loopback_host(host: str) -> bool:
    """True for localhost and loopback addresses, bracketed or not (RFC 6761 §6.3, RFC 4291 §2.5.3)."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_loopback_redirect(uri: str) -> bool:
    """True for a redirect URI with plain http on a loopback IP address (RFC 8252 §7.3)."""
    return _without_port(uri) is not None


def same_redirect_uri(uri: str, registered: str) -> bool:
    """Exact match (RFC 9700 §4.1.3); on a loopback address any port will do (RFC 8252 §7.3)."""
    if uri == registered:
        return True
    bare = _without_port(uri)
    return bare is not None and bare == _without_port(registered)


def _without_port(uri: str) -> tuple[str, str] | None:
    match = _LOOPBACK_REDIRECT.fullmatch(uri)
    if match is None or "#" in uri or int(match[2] or 80) > _MAX_PORT:
        return None
    return match[1], match[3] or "/"
