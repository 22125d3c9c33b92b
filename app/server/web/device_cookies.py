"""Device cookies: the browser in which somebody signed in before has tries of its own.

Wrong guesses use up the tries of strangers: a person is not locked out of their own browser (OWASP: Slow Down
Online Guessing Attacks with Device Cookies). The cookie is a random name, signed for one account.
"""

import hashlib
import secrets
from datetime import timedelta

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadSignature, TimestampSigner

from app.server.core.key_ring import DerivedSecrets, KeyRing

LIFE = timedelta(days=180)
_PURPOSE = "known browser"


class DeviceCookies:
    """Reads and writes the cookie of the request under way."""

    def __init__(self, ring: KeyRing) -> None:
        self._secrets = DerivedSecrets(ring, _PURPOSE)

    def read(self, account: str) -> str:
        """The name that this browser has for `account`; empty where nobody signed in to it here before."""
        try:
            signed = request.cookies.get(_cookie(), "")
            return self._signer(account).unsign(signed, max_age=int(LIFE.total_seconds())).decode("ascii")
        except BadSignature:
            return ""

    def write(self, account: str) -> None:
        """Give this browser a name for `account`, whose password was right, and for no other."""
        signed = self._signer(account).sign(self.read(account) or secrets.token_urlsafe(16)).decode("ascii")
        secure = current_app.config["SESSION_COOKIE_SECURE"]

        @after_this_request
        def write(response: Response) -> Response:
            response.set_cookie(_cookie(), signed, max_age=LIFE, secure=secure, httponly=True, samesite="Lax")
            return response

    def _signer(self, account: str) -> TimestampSigner:
        return TimestampSigner(self._secrets, salt=f"{_PURPOSE} {account}", digest_method=hashlib.sha256)


def _cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}_known"
