"""What a control plane says about itself before anyone signs in."""

from typing import NamedTuple
from urllib.parse import urlsplit

TOKEN_PERMISSIONS = "token_permissions"
SIGN_OUT = "sign_out"
KEYLESS = "keyless"


class ServerInfo(NamedTuple):
    """The answer of Infoz. `capabilities` is empty on a stock control plane.

    With `restricted` people do not make organizations themselves.
    """

    login_url: str
    version: str
    dashboard_url: str = ""
    capabilities: frozenset[str] = frozenset()
    restricted: bool = False


def is_page(address: str) -> bool:
    """True for http and https with a host: nothing else that a server names is opened or asked."""
    try:
        parts = urlsplit(address)
        return parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
