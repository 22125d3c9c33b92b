"""/auth/sso: out to the identity provider, and back in."""

import secrets
from datetime import timedelta
from urllib.parse import parse_qs

from flask import Blueprint, Flask, Response, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from app.domain.errors import (
    AccessDenied,
    BadReply,
    InvalidInput,
    LoopinError,
    PermissionDenied,
    RateLimited,
    Refused,
    StateMismatch,
    TokenRejected,
    Unreachable,
)
from app.domain.secret import Secret
from app.domain.text import clean
from app.oidc.url_policy import URLPolicy, check_url
from app.server import log
from app.server.core.provider_sign_in import (
    AuthorizationRequest,
    PendingSignIns,
    ProviderSignIn,
    read_identity,
)
from app.server.core.services import Services
from app.server.core.sessions import NewSession
from app.server.core.trusted_issuers import is_development
from app.server.limits import Limit
from app.server.persistence.errors import RETRY_AFTER, NoDatabase
from app.server.provider_settings import ProviderSettings
from app.server.web import auth, callbacks
from app.server.web.browser_session import Visitor, next_place
from app.server.web.sign_in_provider import Provider

LOGIN, ACCOUNT = "/auth/login", "/account/sign-in"
MAX_PLACE = 9000
# How many talk to the provider at once, and for how many seconds others wait for their turn.
AT_ONCE, WAIT = 6, 1.0
_COOKIE = "sso"
_KINDS: tuple[tuple[type[LoopinError], int, str], ...] = (
    (StateMismatch, 400, "This sign-in cannot be finished"),
    (AccessDenied, 403, "You were not signed in"),
    (TokenRejected, 403, "The answer of your identity provider does not hold"),
    (RateLimited, 429, "Too many sign-ins at once"),
    (PermissionDenied, 403, "You cannot sign in here"),
    (BadReply, 502, "Your identity provider could not be understood"),
    (NoDatabase, 503, "You cannot be signed in at this moment"),
    (Unreachable, 503, "Your identity provider does not answer"),
    (Refused, 503, "Your identity provider cannot be asked"),
    (LoopinError, 500, "Something is not set up right here"),
)


def install(app: Flask, parts: Services, public_url: str) -> None:
    """Add the routes where a provider is set, and tell the sign-in pages what to offer."""
    settings = parts.settings.provider
    host = settings.host if settings else ""
    app.context_processor(lambda: {"sso_host": host, "passwords": parts.settings.passwords})
    if settings:
        app.register_blueprint(_make_blueprint(parts, settings, public_url))


def _make_blueprint(parts: Services, settings: ProviderSettings, public_url: str) -> Blueprint:
    pages = Blueprint("sso", __name__, url_prefix="/auth/sso")
    # The operator named this one: it may live in the team's own network.
    policy = URLPolicy(loopback=is_development(parts.settings), private=True, pinned=True)
    check_url(settings.issuer, policy)
    provider = Provider(settings, policy, parts.clock, f"{public_url}/auth/sso/callback")
    sign_in = _ProviderSignIn(parts, provider)
    pages.add_url_rule("", "begin", sign_in.begin, methods=["POST"])
    pages.add_url_rule("/callback", "callback", sign_in.back, methods=["GET"])
    return pages


class _ProviderSignIn:
    """Out with a new request; back with a code, once, in the same browser."""

    def __init__(self, parts: Services, provider: Provider) -> None:
        settings = provider.settings
        self._provider = provider
        self._settings = parts.settings
        # A provider that is slow must not hold every worker of the server.
        self._limit = Limit(AT_ONCE, WAIT, _too_many)
        self._clock = parts.clock
        self._visitor = Visitor(parts)
        self._pending = PendingSignIns(parts.database)
        self._sign_in = ProviderSignIn(
            parts.database, parts.signer, parts.clock, parts.settings.session_life, settings.join
        )

    def begin(self) -> ResponseReturnValue:
        """Send the browser to the provider.

        By a page, not a redirect: Chromium would hold every address on the way against the `form-action` of
        the page with the button (CSP3 §6.5.2), and nobody knows them all.
        """
        place = _place(request.form.get("place", ""))
        cookie = session.get(_COOKIE)
        if not isinstance(cookie, str):
            cookie = session[_COOKIE] = secrets.token_urlsafe(32)
        try:
            authorization = AuthorizationRequest.create(Secret(cookie))
            with self._limit.hold():
                target = self._provider.authorization_url(authorization)
            # Afterwards: a provider that cannot be asked leaves nothing behind.
            self._pending.add(authorization, place, self._visitor.address)
        except LoopinError as error:
            return self._refused(error, place)
        return render_template("sso/leave.html", target=target)

    def back(self) -> ResponseReturnValue:
        """Take the provider's answer and sign the person in."""
        cookie = session.get(_COOKIE)
        state = request.args.get("state", "")
        place = ""
        try:
            authorization, place = self._pending.redeem(
                Secret(cookie) if isinstance(cookie, str) else None, state
            )
            done = self._person(authorization, self._life(place))
        except LoopinError as error:
            return self._refused(error, place)
        return self._finish(done, place)

    def _life(self, place: str) -> timedelta | None:
        path, _, query = place.partition("?")
        return self._settings.login_life(_first(query, "long-lived")) if path == LOGIN else None

    def _person(self, authorization: AuthorizationRequest, life: timedelta | None) -> NewSession:
        settings, host = self._provider.settings, self._provider.settings.host
        if refusal := request.args.get("error"):
            declined = refusal == "access_denied"
            said = "the sign-in was declined" if declined else f"it answered {clean(refusal, 60)}"
            raise AccessDenied(f"at {host}, {said}", hint="start the sign-in again")
        if not (code := request.args.get("code", "")):
            raise BadReply(f"{host} sent neither a code nor a reason", hint="start the sign-in again")
        with self._limit.hold():
            told = self._provider.redeem(authorization, code, request.args.get("iss"))
        address = self._visitor.address
        try:
            return self._sign_in.sign_in(read_identity(told, settings), address, life)
        except PermissionDenied as error:
            self._sign_in.record_refusal(str(told.get("email", "")), error.message, address)
            raise

    def _refused(self, error: LoopinError, place: str) -> Response:
        # What a person is refused for is in the audit trail; the log is for what an operator can mend.
        reason = "" if isinstance(error, PermissionDenied) else error.message
        log.event("sso.refused", kind=type(error).__name__, reason=reason)
        return _problem(error, place)

    def _finish(self, done: NewSession, place: str) -> ResponseReturnValue:
        path, _, query = place.partition("?")
        if path == LOGIN:
            callback = callbacks.check(_first(query, "callback"))
            # By a page again: this request may still be the end of a form of the provider's.
            return auth.finish(done, callback, self._clock(), by_page=True)
        self._visitor.keep(done)
        return redirect(next_place(_first(query, "next")), 303)


def _too_many() -> RateLimited:
    return RateLimited("too many people sign in at the same moment", retry_after=5)


def _place(value: str) -> str:
    """The sign-in page to go back to: one of ours, and with a callback that it would accept itself."""
    path, _, query = value.partition("?")
    plain = value.isascii() and value.isprintable() and len(value) <= MAX_PLACE
    if not plain or path not in {LOGIN, ACCOUNT}:
        return ACCOUNT
    try:
        callbacks.check(_first(query, "callback"))
    except InvalidInput:
        return ACCOUNT
    return value


def _first(query: str, name: str) -> str:
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=50).get(name, [""])[0]
    except ValueError:
        return ""


def _problem(error: LoopinError, back: str = "") -> Response:
    """The refusal in two sentences; `back` is where to try again."""
    status, title = next((status, title) for kind, status, title in _KINDS if isinstance(error, kind))
    step = sentence(error.hint or "start the sign-in again")
    html = render_template("problem.html", title=title, text=sentence(error.message), step=step, back=back)
    answer = Response(html, status)
    if isinstance(error, RateLimited) and error.retry_after:
        answer.headers["Retry-After"] = str(round(error.retry_after))
    elif isinstance(error, NoDatabase):
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def sentence(text: str) -> str:
    """With a full stop, and a capital letter unless a host name comes first."""
    first = text.partition(" ")[0].rstrip(":")
    begin = text[:1].upper() if first.isalpha() and first != "localhost" else text[:1]
    return f"{begin}{text[1:]}."
