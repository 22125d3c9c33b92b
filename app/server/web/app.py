"""The Flask application: configuration, routes and errors."""

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
from app.server.persistence.errors import RETRY_AFTER, NoDatabase
from app.server.web import account, api, front, oauth, sign_in
from app.server.web.asgi import MAX_BODY
from app.server.web.front import PublicAddresses
from app.server.web.oauth_server import OAuthServer
from app.server.web.provider_pages import add_provider
from app.server.web.responses import add_security_headers, json_http_error, problem_page

FORM_LIFE = 3600
_SESSION_PURPOSE = "flask session"
# The library's own sentences know neither this server nor the next step.
_BAD_REQUEST = (
    "This did not work",
    "The server could not make sense of the request.",
    "Go back and try again.",
)
_PROBLEMS = {
    404: ("There is no such page", "This address leads nowhere on this server.", "Check the address."),
    405: ("This page is not used like that", "It was asked for in a way it does not answer.", "Go back."),
    413: ("That is too much", "More was sent than this page takes.", "Go back and send less."),
}
# Prefixes of paths that programs request: they get JSON also where no route matches.
_PROGRAM_ERRORS: tuple[tuple[str | tuple[str, ...], Callable[[HTTPException], ResponseReturnValue]], ...] = (
    (api.API_PREFIX, api.gumloop_http_error),
    (oauth.PROGRAM_PATHS, oauth.oauth_http_error),
    ((sign_in.LOGOUT, api.FEDERATED_PATH, "/metrics", "/openapi.json"), json_http_error),
)


class _Sessions(SecureCookieSessionInterface):
    """Flask's own sessions, signed with secrets that may change while the server runs."""

    def __init__(self, secrets: DerivedSecrets) -> None:
        self._secrets = secrets

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer:
        """Called for each request."""
        options = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
        return URLSafeTimedSerializer(
            self._secrets, salt=self.salt, serializer=self.serializer, signer_kwargs=options
        )


def create_app(services: Services, public_url: str, grpc: str = "") -> Flask:
    """An application whose cookies and forms are valid on every replica with the same keys.

    `grpc` is host and port where programs reach gRPC, for the front page.
    """
    app = Flask("app.server.web")
    # Otherwise a path with two slashes is redirected to whatever host the request names.
    app.url_map.merge_slashes = False
    secrets, https = DerivedSecrets(services.key_ring, _SESSION_PURPOSE), public_url.startswith("https://")
    # With this prefix no other host or path, and nothing without TLS, can replace a cookie
    # (RFC 6265bis §4.1.3.2).
    prefix = "__Host-loopin" if https else "loopin"
    app.config.update(
        # Cookies do not distinguish ports: two servers on one machine need different names.
        SESSION_COOKIE_NAME=f"{prefix}_{services.key_ring.name}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        WTF_CSRF_SECRET_KEY=secrets,
        WTF_CSRF_TIME_LIMIT=FORM_LIFE,
        # Our pages ask browsers for no Referer, so there is none to compare.
        WTF_CSRF_SSL_STRICT=False,
        FEDERATION_SECRET=services.settings.federation_secret(),
    )
    app.session_interface = _Sessions(secrets)
    app.extensions["loopin"] = services
    app.extensions["loopin.oauth"] = OAuthServer(services, public_url)
    app.extensions["loopin.addresses"] = PublicAddresses(public_url, grpc)
    add_security_headers(app, https)
    # Without the query, which may hold a secret.
    app.before_request(lambda: log.event("http.arrived", logging.DEBUG, path=log.redact_path(request.path)))
    csrf = CSRFProtect(app)
    for pages in (front.pages, sign_in.pages, account.pages, oauth.pages):
        app.register_blueprint(pages)
    # For programs. They use no cookie, so another site cannot misuse one.
    for endpoints in (sign_in.logout_route, oauth.endpoints, api.gumloop, api.federation):
        app.register_blueprint(endpoints)
        csrf.exempt(endpoints)
    add_provider(app, services, public_url)
    _register_errors(app)
    return app


def _register_errors(app: Flask) -> None:
    @app.errorhandler(CSRFError)
    def stale_form(error: CSRFError) -> ResponseReturnValue:
        return problem_page(
            "This page was open too long",
            "The form is no longer valid, or your browser did not send its cookie back.",
            "Go back, reload the page and sign in again.",
            400,
        )

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> ResponseReturnValue:
        # A request whose path or method matches no route belongs to no blueprint.
        describe = next((row[1] for row in _PROGRAM_ERRORS if request.path.startswith(row[0])), _http_problem)
        answer = make_response(describe(error))
        headers = error.get_response().headers
        answer.headers.extend([(name, value) for name, value in headers if name in {"Allow", "Location"}])
        return answer

    @app.errorhandler(NoDatabase)
    def unavailable(error: NoDatabase) -> ResponseReturnValue:
        page = problem_page(
            "This server cannot do it now",
            "It cannot use its database at this moment. It is not your fault.",
            "Try again in a moment.",
            503,
        )
        return *page, {"Retry-After": str(RETRY_AFTER)}

    # The boundary of the pages.
    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> ResponseReturnValue:
        log.failure("http.failed", error)
        return problem_page(
            "Something went wrong here",
            "The server could not finish this. It is not your fault.",
            "Try again in a moment. If it happens again, tell the operator of this server: request "
            f"{log.current_request()}.",
            500,
        )


def _http_problem(error: HTTPException) -> ResponseReturnValue:
    return problem_page(*_PROBLEMS.get(error.code or 500, _BAD_REQUEST), error.code or 500)
