"""The Flask application."""

import hashlib
import logging

from flask import Flask, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException

from app.server import log
from app.server.database.trouble import RETRY_AFTER, NoDatabase
from app.server.federation import pages as federation
from app.server.http import account, api, auth, headers, health, metrics, oauth, oauth_pages, openapi
from app.server.http.framing import MAX_BODY
from app.server.oauth.server import OAuthServer
from app.server.parts import Parts
from app.server.sso import pages as sso

FORM_LIFE = 3600
_SECRET_FOR = "flask session"
# What a page says: the library's own sentences know neither this server nor what to do next.
_REFUSED = ("This did not work", "The server could not make sense of the request.", "Go back and try again.")
_PROBLEMS = {
    404: ("There is no such page", "This address leads nowhere on this server.", "Check the address."),
    405: ("This page is not used like that", "It was asked for in a way it does not answer.", "Go back."),
    413: ("That is too much", "More was sent than this page takes.", "Go back and send less."),
}


def make_app(parts: Parts, public_url: str) -> Flask:
    """An app whose cookies and forms are valid on every replica with the same keys."""
    app = Flask("app.server.http")
    secret, https = parts.ring.derive(_SECRET_FOR), public_url.startswith("https://")
    # With this prefix no other host or path, and nothing without TLS, can put a cookie in its place
    # (RFC 6265bis §4.1.3.2).
    prefix = "__Host-loopin" if https else "loopin"
    app.config.update(
        SECRET_KEY=secret,
        # Cookies do not tell ports apart; two servers on one machine must not take each other's.
        SESSION_COOKIE_NAME=f"{prefix}_{hashlib.sha256(secret).hexdigest()[:8]}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        WTF_CSRF_TIME_LIMIT=FORM_LIFE,
        # Our pages ask browsers for no Referer, so there is none to compare.
        WTF_CSRF_SSL_STRICT=False,
    )
    headers.install(app, https)
    # The path alone: a query may hold what only its sender should know.
    app.before_request(lambda: log.event("http.arrived", logging.DEBUG, path=request.path))
    csrf = CSRFProtect(app)
    app.register_blueprint(auth.make_blueprint(parts))
    app.register_blueprint(health.make_blueprint(parts.database))
    app.register_blueprint(metrics.make_blueprint(parts.metrics))
    # It takes a bearer token, not a cookie: no other site can send it.
    csrf.exempt("app.server.http.auth.logout")
    _add_gumloop(app, csrf, parts, public_url)
    verify = federation.make_blueprint(parts.federated, parts.settings.federation_secret())
    app.register_blueprint(verify)
    csrf.exempt(verify)
    sso.install(app, parts, public_url)
    _answer_errors(app)
    return app


def _add_gumloop(app: Flask, csrf: CSRFProtect, parts: Parts, public_url: str) -> None:
    server = OAuthServer(parts, public_url, parts.settings.registration_secret())
    app.register_blueprint(account.make_blueprint(parts))
    app.register_blueprint(oauth_pages.make_blueprint(parts, server))
    # What programs call: no cookie is looked at, so no other site can misuse one.
    for routes in (oauth.make_blueprint(parts, server), api.make_blueprint(parts)):
        app.register_blueprint(routes)
        csrf.exempt(routes)
    app.register_blueprint(openapi.make_blueprint(public_url, parts.settings.provider is not None))


def _answer_errors(app: Flask) -> None:
    @app.errorhandler(CSRFError)
    def stale(error: CSRFError) -> ResponseReturnValue:
        return render_template(
            "problem.html",
            title="This page was open too long",
            text="The form is no longer valid, or your browser did not send its cookie back.",
            step="Go back, reload the page and sign in again.",
        ), 400

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> ResponseReturnValue:
        if request.path.startswith(api.PREFIX):
            return api.no_such_call(error)
        response = error.get_response()
        title, text, step = _PROBLEMS.get(error.code or 500, _REFUSED)
        page = render_template("problem.html", title=title, text=text, step=step)
        answer = Response(page, error.code or 500)
        answer.headers.extend((k, v) for k, v in response.headers if k in {"Allow", "Location"})
        return answer

    @app.errorhandler(NoDatabase)
    def not_now(error: NoDatabase) -> ResponseReturnValue:
        return (
            render_template(
                "problem.html",
                title="This server cannot do it now",
                text="It cannot use its database at this moment. It is not your fault.",
                step="Try again in a moment.",
            ),
            503,
            {"Retry-After": str(RETRY_AFTER)},
        )

    # The gate: whatever else a page raises is logged here and told as one sentence.
    @app.errorhandler(Exception)
    def failed(error: Exception) -> ResponseReturnValue:
        log.failure("http.failed", error)
        return render_template(
            "problem.html",
            title="Something went wrong here",
            text="The server could not finish this. It is not your fault.",
            step="Try again in a moment.",
        ), 500
