"""/auth/login, the sign-in page of Chainloop's programs, and /auth/logout."""

from datetime import datetime, timedelta

import humanize
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import InvalidInput, NotSignedIn, RateLimited
from app.server.core.services import Services
from app.server.core.sessions import NewSession
from app.server.request_headers import bearer_challenge, read_bearer
from app.server.web import callbacks
from app.server.web.browser_session import Visitor
from app.server.web.callbacks import Callback
from app.server.web.errors import answer_errors, json_object, problem
from app.server.web.headers import allow_form_target
from app.server.web.pages import problem_page
from app.server.web.sign_in_form import LoginForm, passwords_off, refusal

LOGOUT = "/auth/logout"


def make_blueprint(parts: Services) -> Blueprint:
    """The routes, over the use cases in `parts`."""
    pages = Blueprint("auth", __name__, url_prefix="/auth")
    login = _Login(parts, Visitor(parts))
    pages.add_url_rule("/login", "login", login.show, methods=["GET"])
    pages.add_url_rule("/login", "sign_in", login.sign_in, methods=["POST"])
    return pages


def make_logout(parts: Services) -> Blueprint:
    """A program ends the session of the token that it shows, or all that the person began.

    It takes a bearer token, not a cookie: no other site can send it.
    """
    routes = Blueprint("logout", __name__)
    visitor = Visitor(parts)

    @routes.post(LOGOUT)
    def logout() -> ResponseReturnValue:
        body = json_object() if request.data else {}
        if body is None or not isinstance(everywhere := body.get("everywhere", False), bool):
            return problem("invalid", 'send {"everywhere": true} or {"everywhere": false}', 400)
        authorization = request.headers.get("Authorization", "")
        try:
            ended = parts.sessions.sign_out(read_bearer(authorization), everywhere, visitor.address)
        except NotSignedIn as error:
            answer = problem("unauthenticated", error.message, 401)
            return *answer, {"WWW-Authenticate": bearer_challenge(authorization)}
        return {"sessions": ended.sessions, "programs": ended.grants} if everywhere else ("", 204)

    answer_errors(routes)
    return routes


class _Login:
    """The sign-in page and what happens when it is sent."""

    def __init__(self, parts: Services, visitor: Visitor) -> None:
        self._settings = parts.settings
        self._clock = parts.clock
        self._visitor = visitor

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
        if not self._settings.passwords:
            return passwords_off()
        if not form.validate():
            return self._page(form, callback, status=400)
        try:
            life = self._settings.login_life(request.args.get("long-lived", ""))
            done = self._visitor.sign_in(*form.typed, life)
        except (NotSignedIn, RateLimited) as error:
            return self._page(form, callback, *refusal(error, self._clock()))
        return finish(done, callback, self._clock())

    def _page(
        self,
        form: LoginForm,
        callback: Callback | None,
        problem: str = "",
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        allow_form_target(callback.origin if callback and callback.follows_form else "")
        # The query goes along unchanged, so that what the client put there is still there at the end.
        target = f"{url_for('auth.sign_in')}?{request.query_string.decode('ascii', 'replace')}"
        html = render_template("login.html", form=form, callback=callback, problem=problem, target=target)
        return Response(html, status, headers)


def finish(
    done: NewSession, callback: Callback | None, now: datetime, by_page: bool = False
) -> ResponseReturnValue:
    """Hand the token over: on its own page, or to the callback; `by_page` never with a redirect."""
    if callback is None:
        seconds = round((done.expires_at - now).total_seconds())
        left = humanize.naturaldelta(timedelta(seconds=seconds))
        return render_template("token.html", done=done, left=left)
    target = callback.with_token(done.jwt)
    if by_page or not callback.follows_form:
        return render_template("handover.html", target=target, callback=callback)
    return redirect(target, 303)


def _refused_callback() -> ResponseReturnValue:
    return problem_page(
        "This sign-in link leads elsewhere",
        "A sign-in may only end in a program on your own computer. This link would have sent your token to "
        "another place, so nothing was sent.",
        "Start the sign-in again from the program you want to use.",
        400,
    )
