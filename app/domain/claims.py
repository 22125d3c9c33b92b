"""What the claims of a Chainloop token mean, unverified: for showing, never for deciding trust."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.domain.credentials import Method

USER_AUDIENCE = "user-auth.chainloop"
CI_AUDIENCE = "chainloop"


def method_of(claims: Mapping[str, Any]) -> Method:
    """Say from a token's own claims how it was obtained; what cannot be read counts as an API token."""
    audience = claims.get("aud", "")
    audiences = audience if isinstance(audience, list) else [audience]
    if USER_AUDIENCE in audiences:
        return Method.BROWSER
    return Method.KEYLESS if CI_AUDIENCE in audiences else Method.API_TOKEN


def expiry_of(claims: Mapping[str, Any]) -> datetime | None:
    """The moment a token ends by its own word; None when it says nothing usable."""
    value = claims.get("exp")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return None
