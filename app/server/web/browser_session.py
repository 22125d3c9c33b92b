"""The person in front of the browser: who is signed in, where the request came from."""

from datetime import timedelta

from flask import request, session

from app.domain.errors import SessionEnded
from app.server.core.principals import SignedInBrowser
from app.server.core.services import Services
from app.server.core.sessions import NewSession, account_of
from app.server.request_headers import client_address
from app.server.web.device_cookies import DeviceCookies

_KEY = "browser"
_HOME = "/account/keys"
_PLACES = ("/oauth/authorize?", _HOME, "/account/sessions", "/account/password")
_MAX_PLACE = 8000


class Visitor:
    """Reads and writes cookies. They are signed, HttpOnly, SameSite=Lax, Secure behind TLS."""

    def __init__(self, parts: Services) -> None:
        self._networks = parts.settings.trusted_proxies
        self._browsers = parts.browser_sessions
        self._sessions = parts.sessions
        self._devices = DeviceCookies(parts.key_ring)

    @property
    def address(self) -> str:
        """Where the request came from."""
        forwarded = request.headers.get("X-Forwarded-For", "")
        return client_address(request.remote_addr or "", forwarded, self._networks)

    def current(self) -> SignedInBrowser | None:
        """Who is signed in, if anybody."""
        secret = session.get(_KEY)
        return self._browsers.find(secret) if isinstance(secret, str) else None

    def require(self) -> SignedInBrowser:
        """Who is signed in. Raises SessionEnded when nobody is."""
        browser = self.current()
        if browser is None:
            raise SessionEnded("nobody is signed in")
        return browser

    def sign_in(self, email: str, password: str, life: timedelta | None = None) -> NewSession:
        """Begin a session with a password. Raises NotSignedIn or RateLimited."""
        done = self._sessions.sign_in(email, password, self.address, self.known(email), life)
        self._devices.write(done.email)
        return done

    def known(self, email: str) -> str:
        """The name of this browser where the account was signed in to before, else empty."""
        return self._devices.read(account_of(email))

    def renew(self, secret: str) -> None:
        """Keep a new secret for the session that there is."""
        session[_KEY] = secret

    def keep(self, done: NewSession) -> None:
        """Keep a session that was just begun, under a new cookie (OWASP: session fixation)."""
        secret = self._browsers.create(done)
        self.sign_out()
        session[_KEY] = secret

    def sign_out(self) -> None:
        """End what the cookie stands for, and the cookie."""
        secret = session.get(_KEY)
        if isinstance(secret, str):
            self._browsers.end(secret, self.address)
        session.clear()


def next_place(value: str) -> str:
    """Where to go after signing in: one of our own pages, else the page of keys."""
    plain = value.isascii() and value.isprintable() and len(value) <= _MAX_PLACE and "\\" not in value
    return value if plain and value.startswith(_PLACES) else _HOME
