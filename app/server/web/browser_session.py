"""The request under way: the services, the client's address, and who is signed in with this browser.

Cookies are signed, HttpOnly, SameSite=Lax, and Secure behind TLS. A second one names a browser in which an
account was signed in to before: its attempts are counted apart from those of strangers, whose wrong guesses
do not lock a person out (OWASP: Slow Down Online Guessing Attacks with Device Cookies).
"""

import hashlib
import secrets
from datetime import timedelta

from flask import Response, after_this_request, current_app, request, session
from itsdangerous import BadSignature, TimestampSigner

from app.domain.errors import SessionEnded
from app.server.core.key_ring import DerivedSecrets
from app.server.core.principals import SignedInBrowser
from app.server.core.services import Services
from app.server.core.sessions import NewSession, account_of
from app.server.request_headers import client_address

DEVICE_LIFE = timedelta(days=180)
_SECRET = "browser"
# Part of signatures: a change would make the cookies of today's browsers invalid.
_DEVICE_PURPOSE = "known browser"
_DEFAULT_PAGE = "/account/keys"
_PAGES = ("/oauth/authorize?", _DEFAULT_PAGE, "/account/sessions", "/account/password")
_MAX_PATH = 8000


def services() -> Services:
    """The services of the application."""
    current: Services = current_app.extensions["loopin"]
    return current


def client_ip() -> str:
    """The address of the client, behind trusted proxies."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    return client_address(request.remote_addr or "", forwarded, services().settings.trusted_proxies)


def find_browser() -> SignedInBrowser | None:
    """Who is signed in with this browser, if anybody."""
    secret = session.get(_SECRET)
    return services().browser_sessions.find(secret) if isinstance(secret, str) else None


def require_browser() -> SignedInBrowser:
    """Who is signed in with this browser. Raises SessionEnded when nobody is."""
    browser = find_browser()
    if browser is None:
        raise SessionEnded("nobody is signed in")
    return browser


def sign_in(email: str, password: str, life: timedelta | None = None) -> NewSession:
    """Begin a session with a password. Raises NotSignedIn or RateLimited."""
    new = services().sessions.sign_in(email, password, client_ip(), device_name(email), life)
    _set_device_cookie(new.email)
    return new


def store_session(new: NewSession) -> None:
    """Sign this browser in, under a new cookie (OWASP: session fixation)."""
    secret = services().browser_sessions.create(new)
    sign_out()
    session[_SECRET] = secret


def replace_secret(secret: str) -> None:
    """Store a new secret for the same session."""
    session[_SECRET] = secret


def sign_out() -> None:
    """End this browser's session, and clear the cookie."""
    secret = session.get(_SECRET)
    if isinstance(secret, str):
        services().browser_sessions.end(secret, client_ip())
    session.clear()


def safe_next(path: str) -> str:
    """The page after a sign-in: `path` if it is one of ours, otherwise the page of keys."""
    is_plain = path.isascii() and path.isprintable() and len(path) <= _MAX_PATH and "\\" not in path
    return path if is_plain and path.startswith(_PAGES) else _DEFAULT_PAGE


def device_name(email: str) -> str:
    """The name of this browser for an account that was signed in to in it before, otherwise empty."""
    account, value = account_of(email), request.cookies.get(_device_cookie(), "")
    try:
        name = _device_signer(account).unsign(value, max_age=int(DEVICE_LIFE.total_seconds()))
    except BadSignature:
        return ""
    return name.decode("ascii")


def _set_device_cookie(email: str) -> None:
    """Name this browser for `email`, whose password was right, and for no other account."""
    name = device_name(email) or secrets.token_urlsafe(16)
    value = _device_signer(account_of(email)).sign(name).decode("ascii")
    secure = current_app.config["SESSION_COOKIE_SECURE"]

    @after_this_request
    def set_cookie(response: Response) -> Response:
        response.set_cookie(
            _device_cookie(), value, max_age=DEVICE_LIFE, secure=secure, httponly=True, samesite="Lax"
        )
        return response


def _device_signer(account: str) -> TimestampSigner:
    keys = DerivedSecrets(services().key_ring, _DEVICE_PURPOSE)
    return TimestampSigner(keys, salt=f"{_DEVICE_PURPOSE} {account}", digest_method=hashlib.sha256)


def _device_cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}_known"
