"""The headers on every answer."""

from flask import Flask, Response, g

_COMMON = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def allow_form_target(origin: str) -> None:
    """Let the form on this page end at `origin` as well.

    Chromium applies `form-action` to the redirects that follow a form (CSP3 §6.5.2), so a sign-in page that
    names only itself would never reach the program that waits for the answer.
    """
    g.form_target = origin


def can_name(origin: str) -> bool:
    """False for an IPv6 address, which no policy can write (CSP3 §2.3.1): there a page leads on instead."""
    return "[" not in origin


def policy(form_target: str) -> str:
    """The content security policy; everything comes from this server, nothing may frame it."""
    return "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "img-src 'self' data:",
            f"form-action 'self' {form_target}".rstrip(),
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def common(https: bool, form_target: str = "") -> dict[str, str]:
    """The headers; `https` is how browsers reach this server."""
    headers = _COMMON | {"Content-Security-Policy": policy(form_target)}
    return headers | {"Strict-Transport-Security": "max-age=31536000"} if https else headers


def install(app: Flask, https: bool) -> None:
    """Set them on everything `app` answers."""

    @app.after_request
    def add(response: Response) -> Response:
        response.headers.update(common(https, getattr(g, "form_target", "")))
        return response
