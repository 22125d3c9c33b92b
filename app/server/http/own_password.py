"""/account/password: a person changes their own password."""

from flask import Blueprint, Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import Field, Form, PasswordField
from wtforms.validators import EqualTo, InputRequired, Length, ValidationError

from app.domain.errors import NotSignedIn, PermissionDenied, RateLimited, SessionEnded
from app.server.http.own_pages import OwnPages, problem
from app.server.http.own_sessions import PAGE as SESSIONS
from app.server.http.own_sessions import describe_ended
from app.server.http.sign_in_form import retry_after, too_many
from app.server.http.visitor import Visitor
from app.server.parts import Parts
from app.server.usecases.browser_sessions import SignedInBrowser
from app.server.usecases.own_password import ChangePassword
from app.server.usecases.passwords import MAX_LENGTH
from app.server.usecases.people import MIN_PASSWORD

PAGE = "account.password"
WRONG = "That is not your current password."


def add_routes(pages: Blueprint, parts: Parts, visitor: Visitor) -> None:
    """Add them to the pages of the account."""
    own = _Password(parts, visitor)
    pages.add_url_rule("/password", "password", own.show, methods=["GET"])
    pages.add_url_rule("/password", "change_password", own.change, methods=["POST"])


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
                MIN_PASSWORD,
                MAX_LENGTH,
                f"Use {MIN_PASSWORD} to {MAX_LENGTH} characters; four random words will do.",
            ),
            _other_than_now,
        ],
    )
    again = PasswordField(
        "New password, once more",
        [InputRequired("Enter the new password once more."), EqualTo("new", "The two are not the same.")],
    )

    @property
    def typed(self) -> tuple[str, str]:
        """The current and the new password as they were sent."""
        return self.current.data or "", self.new.data or ""


class _Password:
    """The page, and its form."""

    def __init__(self, parts: Parts, visitor: Visitor) -> None:
        self._change = ChangePassword(
            parts.database, parts.passwords, parts.clock, not parts.settings.passwords
        )
        self._off = not parts.settings.passwords
        self._clock = parts.clock
        self._pages = OwnPages(parts)
        self._visitor = visitor

    def show(self) -> ResponseReturnValue:
        """The empty form."""
        browser = self._visitor.current()
        if browser is None:
            return self._pages.to_sign_in(PAGE)
        if self._off or not browser.has_password:
            return _no_password()
        return self._page(browser, PasswordForm(formdata=None))

    def change(self) -> ResponseReturnValue:
        """Change it; on to what is still open, or the form again."""
        browser = self._visitor.current()
        if browser is None:
            return self._pages.to_sign_in(PAGE)
        form = PasswordForm()
        if not form.validate():
            return self._page(browser, form, status=400)
        try:
            ended, secret = self._change.do(
                browser,
                *form.typed,
                self._visitor.address,
                self._visitor.known(browser.person.email),
            )
        except SessionEnded:
            return self._pages.to_sign_in(PAGE)
        except PermissionDenied:
            return _no_password()
        except NotSignedIn:
            return self._page(browser, form, WRONG, 403)
        except RateLimited as error:
            seconds = error.retry_after or 60
            return retry_after(self._page(browser, form, too_many(error, self._clock()), 429), seconds)
        self._visitor.renew(secret)
        flash(f"Your password is changed. {describe_ended(ended)}")
        return redirect(url_for(SESSIONS), 303)

    def _page(
        self, browser: SignedInBrowser, form: PasswordForm, wrong: str = "", status: int = 200
    ) -> Response:
        html = self._pages.show("account/password.html", browser, form=form, problem=wrong)
        return Response(html, status)


def _no_password() -> ResponseReturnValue:
    return problem(
        "You have no password here",
        "You sign in through your identity provider, so there is no password to change.",
        "Change it at your identity provider.",
        403,
    )
