"""/auth/login and /auth/logout."""

import math
from datetime import datetime, timedelta

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length

from app.domain.errors import InvalidInput, NotSignedIn, RateLimited
from app.server.addresses import client_address
from app.server.http import callbacks
from app.server.http.bodies import json_object
from app.server.http.callbacks import Callback
from app.server.http.headers import allow_form_target
from app.server.parts import Parts
from app.server.usecases.accounts import SignedIn


class LoginForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """E-mail address and password, with the CSRF token that Flask-WTF adds."""

    email = EmailField("E-mail address", [InputRequired("Enter your e-mail address."), Length(max=320)])
    password = PasswordField("Password", [InputRequired("Enter your password."), Length(max=1024)])


def make_blueprint(parts: Parts) -> Blueprint:
    """The routes, over the use cases in `parts`."""
    pages = Blueprint("auth", __name__, url_prefix="/auth")
    login = _Login(parts)
    pages.add_url_rule("/login", "login", login.show, methods=["GET"])
    pages.add_url_rule("/login", "sign_in", login.sign_in, methods=["POST"])

    @pages.post("/logout")
    def logout() -> ResponseReturnValue:
        body = json_object() if request.data else {}
        if body is None or not isinstance(everywhere := body.get("everywhere", False), bool):
            return {"code": "invalid", "message": 'send {"everywhere": true} or {"everywhere": false}'}, 400
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        try:
            parts.sign_out.do(
                bearer.strip() if scheme.lower() == "bearer" else "", everywhere, _address(parts)
            )
        except NotSignedIn as error:
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return {"code": "unauthenticated", "message": error.message}, 401, headers
        return "", 204

    return pages


class _Login:
    """The sign-in page and what happens when it is sent."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def show(self) -> ResponseReturnValue:
        """The empty form; 400 for a callback that leads elsewhere."""
        try:
            return self._page(LoginForm(formdata=None), callbacks.check(request.args.get("callback", "")))
        except InvalidInput:
            return _refused_callback()

    def sign_in(self) -> ResponseReturnValue:
        """Check what was sent; back to the callback with `t`, or the token's own page, or the form again."""
        try:
            callback = callbacks.check(request.args.get("callback", ""))
        except InvalidInput:
            return _refused_callback()
        form = LoginForm()
        if not self._parts.settings.passwords:
            return passwords_off()
        if not form.validate():
            return self._page(form, callback, status=400)
        try:
            done = self._parts.sign_in.do(
                form.email.data or "", form.password.data or "", _address(self._parts)
            )
        except NotSignedIn:
            wrong = "That e-mail address and password do not match."
            return self._page(form, callback, problem=wrong, status=401)
        except RateLimited as error:
            return self._busy(form, callback, error.retry_after or 60)
        return finish(done, callback, self._parts.clock())

    def _busy(self, form: LoginForm, callback: Callback | None, seconds: float) -> Response:
        until = self._parts.clock() + timedelta(seconds=seconds)
        minutes = math.ceil(seconds / 60)
        wait = "1 minute" if minutes == 1 else f"{minutes} minutes"
        problem = f"Too many attempts. Try again in {wait}, at {until:%H:%M} UTC."
        page = self._page(form, callback, problem=problem, status=429)
        page.headers["Retry-After"] = str(math.ceil(seconds))
        return page

    def _page(
        self, form: LoginForm, callback: Callback | None, problem: str = "", status: int = 200
    ) -> Response:
        allow_form_target(callback.origin if callback and callback.follows_form else "")
        # The query goes along unchanged, so that what the client put there is still there at the end.
        target = f"{url_for('auth.sign_in')}?{request.query_string.decode('ascii', 'replace')}"
        html = render_template("login.html", form=form, callback=callback, problem=problem, target=target)
        return Response(html, status)


def finish(
    done: SignedIn, callback: Callback | None, now: datetime, by_page: bool = False
) -> ResponseReturnValue:
    """Hand the token over: on its own page, or to the callback; `by_page` never with a redirect."""
    if callback is None:
        hours = round((done.expires_at - now).total_seconds() / 3600)
        return render_template("token.html", done=done, hours=hours)
    target = callback.with_token(done.jwt)
    if by_page or not callback.follows_form:
        return render_template("handover.html", target=target, callback=callback)
    return redirect(target, 303)


def passwords_off() -> ResponseReturnValue:
    """For a form that is not shown any more."""
    return render_template(
        "problem.html",
        title="Passwords are switched off here",
        text="Nobody signs in with a password here, so it was not looked at.",
        step="Go back, reload the page and sign in through your identity provider.",
    ), 403


def _refused_callback() -> ResponseReturnValue:
    return render_template(
        "problem.html",
        title="This sign-in link leads elsewhere",
        text="A sign-in may only end in a program on your own computer. This link would have sent your "
        "token to another place, so nothing was sent.",
        step="Start the sign-in again from the program you want to use.",
    ), 400


def _address(parts: Parts) -> str:
    forwarded = request.headers.get("X-Forwarded-For", "")
    return client_address(request.remote_addr or "", forwarded, parts.settings.trusted_proxies)
