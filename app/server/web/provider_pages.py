"""/auth/sso: to the team's identity provider, and back with a code."""

import secrets
from urllib.parse import parse_qs

from flask import Blueprint, Flask, Response, current_app, redirect, render_template, request, session
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
from app.oidc.url_policy import check_url, server_policy
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
from app.server.web.browser_session import client_ip, safe_next, services, store_session
from app.server.web.identity_provider import IdentityProvider
from app.server.web.sign_in import hand_over_token, read_callback

PROGRAM_SIGN_IN, ACCOUNT_SIGN_IN = "/auth/login", "/account/sign-in"
MAX_PATH = 9000
# Sign-ins that wait for the provider at once, and the seconds for which others wait for their turn.
AT_ONCE, WAIT = 6, 1.0
_COOKIE = "sso"
_RETRY_HINT = "start the sign-in again"
_TITLES: tuple[tuple[type[LoopinError], int, str], ...] = (
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

pages = Blueprint("sso", __name__, url_prefix="/auth/sso")


class ProviderFlow:
    """The provider of an application, what is pending there, and the limit of concurrent sign-ins."""

    def __init__(self, services: Services, provider: IdentityProvider) -> None:
        self.provider = provider
        self.pending = PendingSignIns(services.database)
        self.accounts = ProviderSignIn(
            services.database,
            services.signer,
            services.clock,
            services.settings.session_life,
            provider.settings.join,
        )
        # A slow provider must not occupy every worker.
        self.limit = Limit(AT_ONCE, WAIT, _too_many)


def add_provider(app: Flask, services: Services, public_url: str) -> None:
    """Add the routes where a provider is set, and tell the sign-in pages what to offer."""
    settings, provider = services.settings, services.settings.provider
    host = provider.host if provider else ""
    app.context_processor(lambda: {"sso_host": host, "passwords": settings.passwords})
    if provider is None:
        return
    # The operator named this one: it may be in the team's own network.
    policy = server_policy(development=is_development(settings), private=True)
    check_url(provider.issuer, policy)
    client = IdentityProvider(provider, policy, services.clock, f"{public_url}/auth/sso/callback")
    app.extensions["loopin.provider"] = ProviderFlow(services, client)
    app.register_blueprint(pages)


def _flow() -> ProviderFlow:
    flow: ProviderFlow = current_app.extensions["loopin.provider"]
    return flow


@pages.post("")
def begin() -> ResponseReturnValue:
    """Send the browser to the provider.

    By a page, not a redirect: Chromium applies the `form-action` of the page with the button to all redirects
    that follow (CSP3 §6.5.2), and they are not known.
    """
    sign_in_page = _check_sign_in_page(request.form.get("place", ""))
    cookie = session.get(_COOKIE)
    if not isinstance(cookie, str):
        cookie = session[_COOKIE] = secrets.token_urlsafe(32)
    try:
        authorization = AuthorizationRequest.create(Secret(cookie))
        with _flow().limit.hold():
            target = _flow().provider.authorization_url(authorization)
        # Afterwards: an unreachable provider leaves no row behind.
        _flow().pending.add(authorization, sign_in_page, client_ip())
    except LoopinError as error:
        return _refuse(error, sign_in_page)
    return render_template("sso/leave.html", target=target)


@pages.get("/callback")
def callback() -> ResponseReturnValue:
    """Redeem the provider's code, once, in the browser that began, and sign the person in."""
    cookie, sign_in_page = session.get(_COOKIE), ""
    try:
        authorization, sign_in_page = _flow().pending.redeem(
            Secret(cookie) if isinstance(cookie, str) else None, request.args.get("state", "")
        )
        new = _sign_in(authorization, sign_in_page)
    except LoopinError as error:
        return _refuse(error, sign_in_page)
    path, _, query = sign_in_page.partition("?")
    if path == PROGRAM_SIGN_IN:
        # By a page again: this request may still be the end of a form of the provider's.
        return hand_over_token(new, read_callback(_parameter(query, "callback")), by_page=True)
    store_session(new)
    return redirect(safe_next(_parameter(query, "next")), 303)


def _sign_in(authorization: AuthorizationRequest, sign_in_page: str) -> NewSession:
    flow, provider = _flow(), _flow().provider.settings
    path, _, query = sign_in_page.partition("?")
    is_program = path == PROGRAM_SIGN_IN
    life = services().settings.login_life(_parameter(query, "long-lived")) if is_program else None
    if code_error := request.args.get("error"):
        is_denied = code_error == "access_denied"
        reason = "the sign-in was declined" if is_denied else f"it answered {clean(code_error, 60)}"
        raise AccessDenied(f"at {provider.host}, {reason}", hint=_RETRY_HINT)
    if not (code := request.args.get("code", "")):
        raise BadReply(f"{provider.host} sent neither a code nor a reason", hint=_RETRY_HINT)
    with flow.limit.hold():
        claims = flow.provider.redeem_code(authorization, code, request.args.get("iss"))
    try:
        return flow.accounts.sign_in(read_identity(claims, provider), client_ip(), life)
    except PermissionDenied as error:
        flow.accounts.record_refusal(str(claims.get("email", "")), error.message, client_ip())
        raise


def _refuse(error: LoopinError, sign_in_page: str) -> Response:
    """A page with the error in two sentences, and a link to try again."""
    # A person's refusal is in the audit trail; the log has what an operator can correct.
    reason = "" if isinstance(error, PermissionDenied) else error.message
    log.event("sso.refused", kind=type(error).__name__, reason=reason)
    status, title = next(row[1:] for row in _TITLES if isinstance(error, row[0]))
    step, text = format_sentence(error.hint or _RETRY_HINT), format_sentence(error.message)
    html = render_template("problem.html", title=title, text=text, step=step, back=sign_in_page)
    answer = Response(html, status)
    if isinstance(error, RateLimited) and error.retry_after:
        answer.headers["Retry-After"] = str(round(error.retry_after))
    elif isinstance(error, NoDatabase):
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _too_many() -> RateLimited:
    return RateLimited("too many people sign in at the same moment", retry_after=5)


def _check_sign_in_page(value: str) -> str:
    """The sign-in page to return to: one of ours, with a callback that it would accept itself."""
    path, _, query = value.partition("?")
    is_plain = value.isascii() and value.isprintable() and len(value) <= MAX_PATH
    if not is_plain or path not in {PROGRAM_SIGN_IN, ACCOUNT_SIGN_IN}:
        return ACCOUNT_SIGN_IN
    try:
        read_callback(_parameter(query, "callback"))
    except InvalidInput:
        return ACCOUNT_SIGN_IN
    return value


def _parameter(query: str, name: str) -> str:
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=50).get(name, [""])[0]
    except ValueError:
        return ""


def format_sentence(text: str) -> str:
    """Add a full stop, and a capital letter unless the text begins with a host name."""
    first = text.partition(" ")[0].rstrip(":")
    begin = text[:1].upper() if first.isalpha() and first != "localhost" else text[:1]
    return f"{begin}{text[1:]}."
