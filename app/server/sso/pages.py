"""/auth/sso: out to the identity provider, and back in."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import parse_qs

from flask import Blueprint, Flask, Response, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from app.domain.errors import AccessDenied, BadReply, InvalidInput, LoopinError, PermissionDenied, RateLimited
from app.domain.secret import Secret
from app.domain.text import clean
from app.oidc.addresses import Reach, check_url
from app.server import log
from app.server.federation.verify import is_development
from app.server.http import auth, callbacks
from app.server.http.visitor import Visitor, next_place
from app.server.parts import Parts
from app.server.sso import claims, problems
from app.server.sso.pending import Pending, Ticket
from app.server.sso.people import SignInKnown
from app.server.sso.provider import Provider, Request
from app.server.sso.settings import ProviderSettings
from app.server.usecases.accounts import SignedIn

LOGIN, ACCOUNT = "/auth/login", "/account/sign-in"
MAX_PLACE = 9000
# How many talk to the provider at once, and for how many seconds others wait for their turn.
AT_ONCE, WAIT = 6, 1.0
_COOKIE = "sso"


def install(app: Flask, parts: Parts, public_url: str) -> None:
    """Add the routes where a provider is set, and tell the sign-in pages what to offer."""
    settings = parts.settings.provider
    host = settings.host if settings else ""
    app.context_processor(lambda: {"sso_host": host, "passwords": parts.settings.passwords})
    if settings:
        app.register_blueprint(_make_blueprint(parts, settings, public_url))


def _make_blueprint(parts: Parts, settings: ProviderSettings, public_url: str) -> Blueprint:
    pages = Blueprint("sso", __name__, url_prefix="/auth/sso")
    # The operator named this one: it may live in the team's own network.
    reach = Reach(loopback=is_development(parts.settings), private=True, pinned=True)
    check_url(settings.issuer, reach)
    road = _Road(parts, Provider(settings, reach, parts.clock), f"{public_url}/auth/sso/callback")
    pages.add_url_rule("", "begin", road.begin, methods=["POST"])
    pages.add_url_rule("/callback", "callback", road.back, methods=["GET"])
    return pages


class _Road:
    """Out with a fresh ticket; back with a code, once, in the same browser."""

    def __init__(self, parts: Parts, provider: Provider, redirect_uri: str) -> None:
        settings = provider.settings
        self._provider = provider
        self._settings = parts.settings
        self._redirect_uri = redirect_uri
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._clock = parts.clock
        self._visitor = Visitor(parts)
        self._pending = Pending(parts.database)
        self._sign_in = SignInKnown(
            parts.database, parts.tokens, parts.clock, parts.settings.session_life, settings.join
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
            ticket = Ticket.fresh(Secret(cookie))
            with self._turn():
                target = self._provider.authorization_url(self._request(ticket))
            # Afterwards: a provider that cannot be asked leaves nothing behind.
            self._pending.begin(ticket, place, self._visitor.address)
        except LoopinError as error:
            return self._refused(error, place)
        return render_template("sso/leave.html", target=target)

    def back(self) -> ResponseReturnValue:
        """Take the provider's answer and sign the person in."""
        cookie = session.get(_COOKIE)
        state = request.args.get("state", "")
        place = ""
        try:
            ticket, place = self._pending.take(Secret(cookie) if isinstance(cookie, str) else None, state)
            done = self._person(ticket, self._life(place))
        except LoopinError as error:
            return self._refused(error, place)
        return self._finish(done, place)

    def _life(self, place: str) -> timedelta | None:
        path, _, query = place.partition("?")
        return self._settings.login_life(_first(query, "long-lived")) if path == LOGIN else None

    def _person(self, ticket: Ticket, life: timedelta | None) -> SignedIn:
        settings, host = self._provider.settings, self._provider.settings.host
        if refusal := request.args.get("error"):
            declined = refusal == "access_denied"
            said = "the sign-in was declined" if declined else f"it answered {clean(refusal, 60)}"
            raise AccessDenied(f"at {host}, {said}", hint="start the sign-in again")
        if not (code := request.args.get("code", "")):
            raise BadReply(f"{host} sent neither a code nor a reason", hint="start the sign-in again")
        with self._turn():
            told = self._provider.redeem(self._request(ticket), code, request.args.get("iss"))
        address = self._visitor.address
        try:
            return self._sign_in.do(claims.read(told, settings), address, life)
        except PermissionDenied as error:
            self._sign_in.refused(str(told.get("email", "")), error.message, address)
            raise

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """A provider that is slow must not hold every worker of the server."""
        if not self._room.acquire(timeout=WAIT):
            raise RateLimited("too many people sign in at the same moment", retry_after=5)
        try:
            yield
        finally:
            self._room.release()

    def _request(self, ticket: Ticket) -> Request:
        return Request(self._redirect_uri, ticket.state, ticket.nonce, ticket.verifier)

    def _refused(self, error: LoopinError, place: str) -> Response:
        # What a person is refused for is in the audit trail; the log is for what an operator can mend.
        reason = "" if isinstance(error, PermissionDenied) else error.message
        log.event("sso.refused", kind=type(error).__name__, reason=reason)
        return problems.page(error, place)

    def _finish(self, done: SignedIn, place: str) -> ResponseReturnValue:
        path, _, query = place.partition("?")
        if path == LOGIN:
            callback = callbacks.check(_first(query, "callback"))
            # By a page again: this request may still be the end of a form of the provider's.
            return auth.finish(done, callback, self._clock(), by_page=True)
        self._visitor.keep(done)
        return redirect(next_place(_first(query, "next")), 303)


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
