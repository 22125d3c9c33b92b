"""What a JWT says of itself (RFC 7519 §4), unverified: for showing, never for deciding trust."""

import base64
import json
from collections.abc import Mapping
from typing import Any

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
        claims = json.loads(
            base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars="-_", validate=True)
        )
    # RecursionError: brackets nested by the thousand are a way to break a JSON reader.
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
