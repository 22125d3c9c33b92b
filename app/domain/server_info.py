"""What a control plane says about itself before anyone signs in."""

from dataclasses import dataclass

TOKEN_PERMISSIONS = "token_permissions"
SIGN_OUT = "sign_out"
KEYLESS = "keyless"


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The answer of Infoz. `capabilities` is empty on a stock control plane."""

    login_url: str
    version: str
    dashboard_url: str = ""
    capabilities: frozenset[str] = frozenset()
