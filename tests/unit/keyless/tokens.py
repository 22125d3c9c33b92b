"""Tokens that no honest CI system makes."""

import base64
import hmac
import json
from typing import Any

from joserfc.jwk import RSAKey

from app.domain.secret import Secret


def raw(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> Secret:
    """Put together without signing."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return Secret(".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts))


def forged_hs256(claims: dict[str, Any], public: RSAKey) -> Secret:
    """Signed with the published key as if it were a shared secret (RFC 8725 §2.1)."""
    unsigned = raw({"alg": "HS256", "kid": public.kid}, claims).reveal().rstrip(".")
    mac = hmac.digest(public.as_pem(private=False), unsigned.encode(), "sha256")
    return Secret(f"{unsigned}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")
