"""Signing in and out: /account/sign-in for these pages, /auth/login and /auth/logout for programs."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit, urlunsplit

import humanize
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length

from app.domain.errors import InvalidInput, NotSignedIn, RateLimited
from app.domain.text import clean
from app.server.core.sessions import NewSession
from app.server.limits import Busy
from app.server.request_headers import bearer_challenge, read_bearer
from app.server.web import browser_session
from app.server.web.browser_session import client_ip, safe_next, services
from app.server.web.responses import (
    allow_form_target,
    fits_policy,
    json_error,
    problem_page,
    read_json_object,
    register_json_errors,
)

LOGOUT = "/auth/logout"
WRONG_PASSWORD = "That e-mail address and password do not match."
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MAX_CALLBACK = 2000
_BAD_CALLBACK = "the callback is not an address on this computer"

pages = Blueprint("sign_in", __name__)
# Takes a bearer token, not a cookie: no other site can send it.
logout_route = Blueprint("logout", __name__)
register_json_errors(logout_route)


class LoginForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """E-mail address and password."""

    email = EmailField("E-mail address", [InputRequired("Enter your e-mail address."), Length(max=320)])
    password = PasswordField("Password", [InputRequired("Enter your password."), Length(max=1024)])


@pages.route("/account/sign-in", methods=["GET", "POST"])
def account() -> ResponseReturnValue:
    """Sign in to the account pages, and on to the page in `next`."""
    form, target = LoginForm(), safe_next(request.args.get("next", ""))

    def show(problem: str = "", status: int = 200, headers: dict[str, str] | None = None) -> Response:
        action = url_for("sign_in.account", next=target)
        for_program = target.startswith("/oauth/")
        html = render_template(
            "account/sign_in.html", form=form, problem=problem, asked=for_program, target=action
        )
        return Response(html, status, headers)

    if not form.is_submitted():
        return show()
    if not services().settings.passwords:
        return _passwords_off()
    if not form.validate():
        return show(status=400)
    try:
        new = browser_session.sign_in(form.email.data or "", form.password.data or "")
    except (NotSignedIn, RateLimited) as error:
        return show(*describe_refusal(error))
    browser_session.store_session(new)
    return redirect(target, 303)


@pages.post("/account/sign-out")
def sign_out() -> ResponseReturnValue:
    """Sign this browser out, and back to the form."""
    browser_session.sign_out()
    return redirect(url_for("sign_in.account", next=safe_next(request.args.get("next", ""))), 303)


@pages.route("/auth/login", methods=["GET", "POST"])
def program() -> ResponseReturnValue:
    """Sign in for a program: back to its `callback` with the token in `t`, or a page with the token."""
    try:
        callback = read_callback(request.args.get("callback", ""))
    except InvalidInput:
        return problem_page(
            "This sign-in link leads elsewhere",
            "A sign-in may only end in a program on your own computer. This link would have sent your token "
            "to another place, so nothing was sent.",
            "Start the sign-in again from the program you want to use.",
            400,
        )
    form = LoginForm()

    def show(problem: str = "", status: int = 200, headers: dict[str, str] | None = None) -> Response:
        allow_form_target(callback.origin if callback and callback.follows_form else "")
        # The query is passed on as it is: the client's own parameters are still there at the end.
        action = f"{url_for('sign_in.program')}?{request.query_string.decode('ascii', 'replace')}"
        html = render_template("login.html", form=form, callback=callback, problem=problem, target=action)
        return Response(html, status, headers)

    if not form.is_submitted():
        return show()
    if not services().settings.passwords:
        return _passwords_off()
    if not form.validate():
        return show(status=400)
    try:
        life = services().settings.login_life(request.args.get("long-lived", ""))
        new = browser_session.sign_in(form.email.data or "", form.password.data or "", life)
    except (NotSignedIn, RateLimited) as error:
        return show(*describe_refusal(error))
    return hand_over_token(new, callback)


@logout_route.post(LOGOUT)
def logout() -> ResponseReturnValue:
    """End the session of the bearer token, or everything that the person began."""
    body = read_json_object() if request.data else {}
    if body is None or not isinstance(everywhere := body.get("everywhere", False), bool):
        return json_error("invalid", 'send {"everywhere": true} or {"everywhere": false}'), 400
    authorization = request.headers.get("Authorization", "")
    try:
        ended = services().sessions.sign_out(read_bearer(authorization), everywhere, client_ip())
    except NotSignedIn as error:
        challenge = {"WWW-Authenticate": bearer_challenge(authorization)}
        return json_error("unauthenticated", error.message), 401, challenge
    return {"sessions": ended.sessions, "programs": ended.grants} if everywhere else ("", 204)


@dataclass(frozen=True, slots=True)
class Callback:
    """A checked callback. `origin` is scheme, host and port; empty for one on this server."""

    url: str
    origin: str

    @property
    def place(self) -> str:
        """Host and port, as the page shows them."""
        return self.origin.partition("://")[2]

    @property
    def follows_form(self) -> bool:
        """Whether the content security policy can name the origin, so that a redirect may lead there."""
        return fits_policy(self.origin)

    def with_token(self, token: str) -> str:
        """The URL with the parameter `t`; its other parameters stay as they were written."""
        parts = urlsplit(self.url)
        others = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] != "t"]
        query = "&".join([*others, f"t={quote(token, safe='')}"])
        return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, ""))


def read_callback(value: str) -> Callback | None:
    """A callback on a loopback address (RFC 8252 §7.3) or on this server; None without one.

    Raises InvalidInput for any other.
    """
    if not value:
        return None
    # Browsers drop tabs and line ends and read a backslash as a slash (WHATWG URL §4.4).
    is_plain = value.isascii() and value.isprintable() and "\\" not in value and " " not in value
    if len(value) > MAX_CALLBACK or not is_plain:
        raise InvalidInput(_BAD_CALLBACK)
    if value.startswith("/") and not value.startswith("//"):
        return Callback(value, "")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(_BAD_CALLBACK) from error
    if parts.scheme not in {"http", "https"} or host not in LOOPBACK or "@" in parts.netloc or port == 0:
        raise InvalidInput(_BAD_CALLBACK)
    shown = f"[{host}]" if ":" in host else host
    return Callback(value, clean(f"{parts.scheme}://{shown}{f':{port}' if port else ''}"))


def hand_over_token(new: NewSession, callback: Callback | None, by_page: bool = False) -> ResponseReturnValue:
    """Give a program its token: on a page of its own, or at the callback; `by_page` never with a redirect."""
    if callback is None:
        seconds = round((new.expires_at - services().clock()).total_seconds())
        left = humanize.naturaldelta(timedelta(seconds=seconds))
        return render_template("token.html", new_session=new, left=left)
    target = callback.with_token(new.jwt)
    if by_page or not callback.follows_form:
        return render_template("handover.html", target=target, callback=callback)
    return redirect(target, 303)


def describe_refusal(
    error: NotSignedIn | RateLimited, wrong_password: str = WRONG_PASSWORD, status: int = 401
) -> tuple[str, int, dict[str, str]]:
    """Text, status and headers of a page with a form after a refused attempt."""
    if not isinstance(error, RateLimited):
        return wrong_password, status, {}
    seconds = error.retry_after or 60
    minutes = math.ceil(seconds / 60)
    wait = "1 minute" if minutes == 1 else f"{minutes} minutes"
    end: datetime = services().clock() + timedelta(seconds=seconds)
    text = f"Too many attempts. Try again in {wait}, at {end:%H:%M} UTC."
    if isinstance(error, Busy):
        text = "Many people are signing in at this moment. Try again in a few seconds."
    # The same for a program (RFC 9110 §10.2.3).
    return text, 429, {"Retry-After": str(math.ceil(seconds))}


def _passwords_off() -> ResponseReturnValue:
    return problem_page(
        "Passwords are switched off here",
        "Nobody signs in with a password here, so it was not looked at.",
        "Go back, reload the page and sign in through your identity provider.",
        403,
    )
