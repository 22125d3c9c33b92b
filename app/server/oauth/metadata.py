"""What the server says about itself (RFC 8414 §2)."""

from typing import Any

from app.server.oauth import rules


def describe(issuer: str) -> dict[str, Any]:
    """The metadata document."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "scopes_supported": list(rules.SCOPES),
        "response_types_supported": list(rules.RESPONSE_TYPES),
        "response_modes_supported": ["query"],
        "grant_types_supported": list(rules.GRANT_TYPES),
        "token_endpoint_auth_methods_supported": list(rules.AUTH_METHODS),
        "revocation_endpoint_auth_methods_supported": list(rules.AUTH_METHODS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
