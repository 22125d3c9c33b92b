"""What a JWT says of itself (RFC 7519 §4), unverified: for showing, never for deciding trust."""

import base64
from collections.abc import Mapping
from typing import Any

from app.domain.json_text import read_json
from app.domain.secret import Secret

MAX_LENGTH = 64 * 1024


def read_claims(token: Secret) -> Mapping[str, Any]:
    """Return the claims of a signed JWT; empty for anything else, and for one over 64 KiB."""
    value = token.reveal()
    parts = value.split(".")
    if len(value) > MAX_LENGTH or len(parts) != 3:
        return {}
    try:
        # RFC 7515 §2: base64url without its padding.
        claims = read_json(
            base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars="-_", validate=True)
        )
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
