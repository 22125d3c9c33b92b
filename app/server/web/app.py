"""The Flask application."""

import logging
from collections.abc import Callable

from flask import Flask, make_response, request
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect
from itsdangerous import URLSafeTimedSerializer
from werkzeug.exceptions import HTTPException

from app.server import log
from app.server.core.key_ring import DerivedSecrets
from app.server.core.services import Services
from app.server.directions import Directions
from app.server.persistence.errors import RETRY_AFTER, NoDatabase
from app.server.web import account, api, auth, errors, headers, oauth, oauth_pages, openapi, pages
from app.server.web import federated as federation
from app.server.web import sign_in_provider_pages as sso
from app.server.web.asgi import MAX_BODY
from app.server.web.oauth_server import OAuthServer
from app.server.web.pages import problem_page

FORM_LIFE = 3600
_SECRETS_FOR = "flask session"
# What a page says: the library's own sentences know neither this server nor what to do next.
_REFUSED = ("This did not work", "The server could not make sense of the request.", "Go back and try again.")
_PROBLEMS = {
    404: ("There is no such page", "This address leads nowhere on this server.", "Check the address."),
    405: ("This page is not used like that", "It was asked for in a way it does not answer.", "Go back."),
    413: ("That is too much", "More was sent than this page takes.", "Go back and send less."),
}
# Whoever calls these is a program, and reads no page.
_PROGRAMS: tuple[tuple[str | tuple[str, ...], Callable[[HTTPException], ResponseReturnValue]], ...] = (
    (api.PREFIX, api.no_such_call),
    (oauth.PATHS, oauth.no_such_call),
    ((auth.LOGOUT, federation.PATH, "/metrics", "/openapi.json"), errors.no_such_call),
)


class _Sessions(SecureCookieSessionInterface):
    """Flask's own sessions, signed with secrets that may change while the server runs."""

    def __init__(self, secrets: DerivedSecrets) -> None:
        self._secrets = secrets

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer:
        """Called with each request."""
        how = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
        return URLSafeTimedSerializer(
            self._secrets, salt=self.salt, serializer=self.serializer, signer_kwargs=how
        )


def make_app(parts: Services, public_url: str, grpc: str = "") -> Flask:
    """An app whose cookies and forms are valid on every replica with the same keys.

    `grpc` is where programs reach the gRPC side, as the front page tells it.
    """
    app = Flask("app.server.web")
    # Else a path with two slashes is answered with a redirect to whatever host the request names.
    app.url_map.merge_slashes = False
    secrets, https = DerivedSecrets(parts.key_ring, _SECRETS_FOR), public_url.startswith("https://")
    # With this prefix no other host or path, and nothing without TLS, can put a cookie in its place
    # (RFC 6265bis §4.1.3.2).
    prefix = "__Host-loopin" if https else "loopin"
    app.config.update(
        # Cookies do not tell ports apart; two servers on one machine must not take each other's.
        SESSION_COOKIE_NAME=f"{prefix}_{parts.key_ring.name}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        WTF_CSRF_SECRET_KEY=secrets,
        WTF_CSRF_TIME_LIMIT=FORM_LIFE,
        # Our pages ask browsers for no Referer, so there is none to compare.
        WTF_CSRF_SSL_STRICT=False,
    )
    app.session_interface = _Sessions(secrets)
    headers.install(app, https)
    # The path alone: a query may hold what only its sender should know.
    app.before_request(lambda: log.event("http.arrived", logging.DEBUG, path=log.redact_path(request.path)))
    _add_routes(app, parts, Directions(public_url, grpc))
    sso.install(app, parts, public_url)
    _answer_errors(app)
    return app


def _add_routes(app: Flask, parts: Services, way: Directions) -> None:
    csrf, settings, public_url = CSRFProtect(app), parts.settings, way.http
    server = OAuthServer(parts, public_url)
    app.register_blueprint(openapi.make_blueprint(public_url, settings.provider is not None))
    app.register_blueprint(pages.make_blueprint(parts, way))
    app.register_blueprint(auth.make_blueprint(parts))
    app.register_blueprint(account.make_blueprint(parts))
    app.register_blueprint(oauth_pages.make_blueprint(parts, server))
    # What programs call: no cookie is looked at, so no other site can misuse one.
    for routes in (
        auth.make_logout(parts),
        federation.make_blueprint(parts.job_verifier, settings.federation_secret()),
        oauth.make_blueprint(parts, server),
        api.make_blueprint(parts),
    ):
        app.register_blueprint(routes)
        csrf.exempt(routes)


def _answer_errors(app: Flask) -> None:
    @app.errorhandler(CSRFError)
    def stale(error: CSRFError) -> ResponseReturnValue:
        return problem_page(
            "This page was open too long",
            "The form is no longer valid, or your browser did not send its cookie back.",
            "Go back, reload the page and sign in again.",
            400,
        )

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> ResponseReturnValue:
        # No blueprint has a request whose path or method leads nowhere.
        tell = next((tell for paths, tell in _PROGRAMS if request.path.startswith(paths)), _page)
        answer = make_response(tell(error))
        kept = [(k, v) for k, v in error.get_response().headers if k in {"Allow", "Location"}]
        answer.headers.extend(kept)
        return answer

    @app.errorhandler(NoDatabase)
    def not_now(error: NoDatabase) -> ResponseReturnValue:
        page = problem_page(
            "This server cannot do it now",
            "It cannot use its database at this moment. It is not your fault.",
            "Try again in a moment.",
            503,
        )
        return *page, {"Retry-After": str(RETRY_AFTER)}

    # The boundary: whatever else a page raises is logged here and shown as one sentence.
    @app.errorhandler(Exception)
    def failed(error: Exception) -> ResponseReturnValue:
        log.failure("http.failed", error)
        return problem_page(
            "Something went wrong here",
            "The server could not finish this. It is not your fault.",
            "Try again in a moment. If it happens again, tell the operator of this server: request "
            f"{log.current_request()}.",
            500,
        )


def _page(error: HTTPException) -> ResponseReturnValue:
    return problem_page(*_PROBLEMS.get(error.code or 500, _REFUSED), error.code or 500)
