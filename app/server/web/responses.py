"""What responses share: security headers, the page that reports a problem, and JSON errors for programs."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.domain.json_text import read_json
from app.server import log
from app.server.persistence.errors import RETRY_AFTER, NoDatabase

UNAVAILABLE, INTERNAL = "unavailable", "internal"
ErrorBody = Callable[[str, str], dict[str, Any]]
"""Builds the body of an error from a code, UNAVAILABLE or INTERNAL, and a sentence."""
_SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def security_headers(https: bool, form_target: str = "") -> dict[str, str]:
    """The headers of every response. `https` says whether browsers reach this server with TLS.

    All content comes from this server, and no page may be framed.
    """
    policy = (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        f"form-action 'self' {form_target}".rstrip(),
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
    headers = _SECURITY_HEADERS | {"Content-Security-Policy": "; ".join(policy)}
    return headers | {"Strict-Transport-Security": "max-age=31536000"} if https else headers


def add_security_headers(app: Flask, https: bool) -> None:
    """Set the security headers on every response of `app`."""

    @app.after_request
    def add(response: Response) -> Response:
        response.headers.update(security_headers(https, getattr(g, "form_target", "")))
        return response


def allow_form_target(origin: str) -> None:
    """Let the forms of this page end at `origin` as well.

    Chromium applies `form-action` to the redirects that follow a form (CSP3 §6.5.2), so a sign-in page that
    names only itself would never reach the program that waits for the answer.
    """
    g.form_target = origin


def fits_policy(origin: str) -> bool:
    """Whether a policy can name `origin`. It has no syntax for IPv6 addresses (CSP3 §2.3.1)."""
    return "[" not in origin


def problem_page(title: str, text: str, step: str, status: int) -> tuple[str, int]:
    """A page that says what did not work, why, and the next step."""
    return render_template("problem.html", title=title, text=text, step=step), status


def json_error(code: str, message: str) -> dict[str, Any]:
    """The body of an error for which no vendor and no RFC defines a form."""
    return {"code": code, "message": message}


def json_http_error(error: HTTPException) -> ResponseReturnValue:
    """A wrong method, or a request that cannot be read, in that form."""
    return json_error(error.name.lower().replace(" ", "_"), error.name), error.code or 500


def register_json_errors(
    routes: Blueprint,
    body: ErrorBody = json_error,
    http_error: Callable[[HTTPException], ResponseReturnValue] = json_http_error,
) -> None:
    """Answer the exceptions of `routes` with JSON; the unexpected ones are logged."""
    routes.register_error_handler(HTTPException, http_error)

    @routes.errorhandler(NoDatabase)
    def unavailable(error: NoDatabase) -> ResponseReturnValue:
        content = body(UNAVAILABLE, "The server cannot use its database at this moment. Try again.")
        return content, 503, {"Retry-After": str(RETRY_AFTER)}

    # The boundary of these routes.
    @routes.errorhandler(Exception)
    def unexpected(error: Exception) -> ResponseReturnValue:
        log.failure("http.failed", error)
        return body(INTERNAL, "The server could not finish this. Try again in a moment."), 500


def read_json_object() -> dict[str, Any] | None:
    """The JSON object in the request's body, whatever its content type; None for anything else."""
    try:
        body = read_json(request.get_data())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
