"""What a JWT says of itself (RFC 7519 §4), unverified: for showing, never for deciding trust."""

import binascii
import json
from collections.abc import Mapping
from typing import Any

from app.domain.secret import Secret

MAX_LENGTH = 64 * 1024


def read_claims(token: Secret) -> Mapping[str, Any]:
    """Return the claims of a signed JWT; empty for anything else, and for one over 64 KiB."""
    # Its import takes a while, and nothing needs it before there is a token.
    from joserfc.util import urlsafe_b64decode

    value = token.reveal()
    parts = value.split(".")
    if len(value) > MAX_LENGTH or len(parts) != 3:
        return {}
    try:
        claims = json.loads(urlsafe_b64decode(parts[1].encode("ascii")))
    # RecursionError: brackets nested by the thousand are a way to break a JSON reader.
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
