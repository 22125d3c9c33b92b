"""Browsers in which somebody signed in with a password before.

Guessing at somebody's password uses up the tries of strangers. The person's own browser has tries of its own
(OWASP: Slow Down Online Guessing Attacks with Device Cookies), so nobody else can lock them out of it. The
server stores nothing for that: the cookie holds a random name, signed for one account.
"""

import hashlib
import secrets
from datetime import timedelta

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadSignature, TimestampSigner

from app.server.keys import Ring, Secrets

LIFE = timedelta(days=180)
_PURPOSE = "known browser"


class KnownBrowsers:
    """Reads and writes the cookie of the request under way."""

    def __init__(self, ring: Ring) -> None:
        self._secrets = Secrets(ring, _PURPOSE)

    def name(self, account: str) -> str:
        """The name that this browser has for `account`; empty where nobody signed in to it here before."""
        try:
            signed = request.cookies.get(_cookie(), "")
            return self._signer(account).unsign(signed, max_age=int(LIFE.total_seconds())).decode("ascii")
        except BadSignature:
            return ""

    def remember(self, account: str) -> None:
        """The password was right: from now on this browser has a name for `account`, and for no other."""
        name = self.name(account) or secrets.token_urlsafe(16)
        signed = self._signer(account).sign(name).decode("ascii")

        @after_this_request
        def keep(response: Response) -> Response:
            response.set_cookie(
                _cookie(),
                signed,
                max_age=LIFE,
                secure=current_app.config["SESSION_COOKIE_SECURE"],
                httponly=True,
                samesite="Lax",
            )
            return response

    def _signer(self, account: str) -> TimestampSigner:
        return TimestampSigner(self._secrets, salt=f"{_PURPOSE} {account}", digest_method=hashlib.sha256)


def _cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}_known"
