"""/account/sessions and /account/password: a person ends what they opened, and changes their password."""

from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import Field, Form, PasswordField
from wtforms.validators import EqualTo, InputRequired, Length, ValidationError

from app.domain.errors import NotFound, NotSignedIn, PermissionDenied, RateLimited, SessionEnded
from app.domain.text import plural
from app.server.core.access import EndedAccess
from app.server.core.passwords import MAX_LENGTH, MIN_LENGTH
from app.server.core.principals import SignedInBrowser
from app.server.core.services import Services
from app.server.web.browser_session import Visitor
from app.server.web.pages import problem_page
from app.server.web.sign_in_form import refusal

MOST = 50
WRONG = "That is not your current password."


def add_routes(pages: Blueprint, parts: Services, visitor: Visitor) -> None:
    """Add them to the pages of the account."""
    sessions, password = _Sessions(parts, visitor), _Password(parts, visitor)
    pages.add_url_rule("/sessions", "sessions", sessions.show, methods=["GET"])
    pages.add_url_rule("/sessions", "end_session", sessions.end, methods=["POST"])
    pages.add_url_rule("/password", "password", password.show, methods=["GET"])
    pages.add_url_rule("/password", "change_password", password.change, methods=["POST"])


class _Sessions:
    """Where a person is signed in, the programs that they allowed, and the end of each."""

    def __init__(self, parts: Services, visitor: Visitor) -> None:
        self._access = parts.own_access
        self._visitor = visitor

    def show(self) -> ResponseReturnValue:
        """What is open now."""
        browser = self._visitor.require()
        found = self._access.read_overview(browser)
        return render_template("account/sessions.html", browser=browser, access=found, most=MOST)

    def end(self) -> ResponseReturnValue:
        """End what the button stands for, and show what is left."""
        browser, form, address = self._visitor.require(), request.form, self._visitor.address
        try:
            if form.get("session"):
                self._access.end_session(browser, UUID(form["session"]), address)
                ended = EndedAccess(sessions=1)
            elif form.get("grant"):
                self._access.end_grant(browser, UUID(form["grant"]), address)
                ended = EndedAccess(grants=1)
            elif form.get("others") == "all":
                ended = self._access.end_others(browser, address, keys="keys" in form)
            else:
                raise ValueError("the form names nothing to end")
        except (ValueError, NotFound):
            return problem_page(
                "This has ended already",
                "It is not open any more, or it is not yours. Nothing was changed.",
                "Go back and reload the page.",
                404,
            )
        flash(_describe(ended))
        return redirect(url_for("account.sessions"), 303)


def _describe(ended: EndedAccess) -> str:
    parts = (("session", ended.sessions), ("program", ended.grants), ("API key", ended.keys))
    return f"Ended: {', '.join(plural(number, noun) for noun, number in parts if number) or 'nothing'}."


def _other_than_now(form: Form, field: Field) -> None:
    if field.data == form["current"].data:
        raise ValidationError("Choose another one than the current password.")


class PasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """The password that there is, and twice the new one."""

    current = PasswordField(
        "Current password", [InputRequired("Enter your current password."), Length(max=MAX_LENGTH)]
    )
    new = PasswordField(
        "New password",
        [
            InputRequired("Enter a new password."),
            Length(
                MIN_LENGTH,
                MAX_LENGTH,
                f"Use {MIN_LENGTH} to {MAX_LENGTH} characters; four random words will do.",
            ),
            _other_than_now,
        ],
    )
    again = PasswordField(
        "New password, once more",
        [InputRequired("Enter the new password once more."), EqualTo("new", "The two are not the same.")],
    )


class _Password:
    """The page of the password, and its form."""

    def __init__(self, parts: Services, visitor: Visitor) -> None:
        self._off = not parts.settings.passwords
        self._sessions = parts.sessions
        self._clock = parts.clock
        self._visitor = visitor

    def show(self) -> ResponseReturnValue:
        """The empty form."""
        browser = self._visitor.require()
        if self._off or not browser.has_password:
            return _no_password()
        return _password_page(browser, PasswordForm(formdata=None))

    def change(self) -> ResponseReturnValue:
        """Change it; on to what is still open, or the form again."""
        browser, form = self._visitor.require(), PasswordForm()
        if not form.validate():
            return _password_page(browser, form, status=400)
        known = self._visitor.known(browser.person.email)
        try:
            ended, secret = self._sessions.change_password(
                browser, form.current.data or "", form.new.data or "", self._visitor.address, known
            )
        except PermissionDenied:
            return _no_password()
        except SessionEnded:
            # No wrong password: on to the sign-in.
            raise
        except (NotSignedIn, RateLimited) as error:
            return _password_page(browser, form, *refusal(error, self._clock(), WRONG, 403))
        self._visitor.renew(secret)
        flash(f"Your password is changed. {_describe(ended)}")
        return redirect(url_for("account.sessions"), 303)


def _password_page(
    browser: SignedInBrowser,
    form: PasswordForm,
    problem: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    html = render_template("account/password.html", browser=browser, form=form, problem=problem)
    return Response(html, status, headers)


def _no_password() -> ResponseReturnValue:
    return problem_page(
        "You have no password here",
        "You sign in through your identity provider, so there is no password to change.",
        "Change it at your identity provider.",
        403,
    )
