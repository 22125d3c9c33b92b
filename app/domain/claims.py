"""What the claims of a Chainloop token mean, unverified: for showing, never for deciding trust."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.domain.credentials import Method

USER_AUDIENCE = "user-auth.chainloop"
CI_AUDIENCE = "chainloop"
ACCOUNT_SERVER = "loopin"
"""The issuer of the tokens of the account server."""


def method_of(claims: Mapping[str, Any]) -> Method:
    """Say from a token's own claims how it was obtained; what cannot be read counts as an API token."""
    audience = claims.get("aud", "")
    audiences = audience if isinstance(audience, list) else [audience]
    if USER_AUDIENCE in audiences:
        return Method.BROWSER
    return Method.KEYLESS if CI_AUDIENCE in audiences else Method.API_TOKEN


def latest_end_of(claims: Mapping[str, Any]) -> datetime | None:
    """The moment by which an API token has to end that this one creates; None for no such limit.

    The account server refuses a token that would end later than the API token which creates it; a stock
    control plane does not.
    """
    limited = claims.get("iss") == ACCOUNT_SERVER and method_of(claims) is Method.API_TOKEN
    return expiry_of(claims) if limited else None


def expiry_of(claims: Mapping[str, Any]) -> datetime | None:
    """The moment a token ends by its own word; None when it says nothing usable."""
    value = claims.get("exp")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return None
