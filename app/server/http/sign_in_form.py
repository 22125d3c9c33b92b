"""What both sign-in pages share: the form, and what is said when it does not sign anybody in."""

import math
from datetime import datetime, timedelta

from flask import Response
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length

from app.domain.errors import RateLimited
from app.server.http.pages import problem_page
from app.server.limits import Busy

WRONG = "That e-mail address and password do not match."


class LoginForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """E-mail address and password, with the CSRF token that Flask-WTF adds."""

    email = EmailField("E-mail address", [InputRequired("Enter your e-mail address."), Length(max=320)])
    password = PasswordField("Password", [InputRequired("Enter your password."), Length(max=1024)])

    @property
    def typed(self) -> tuple[str, str]:
        """E-mail address and password as they were sent."""
        return self.email.data or "", self.password.data or ""


def too_many(error: RateLimited, now: datetime) -> str:
    """The sentence for somebody who may try again later."""
    if isinstance(error, Busy):
        return "Many people are signing in at this moment. Try again in a few seconds."
    seconds = error.retry_after or 60
    minutes = math.ceil(seconds / 60)
    wait = "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"Too many attempts. Try again in {wait}, at {now + timedelta(seconds=seconds):%H:%M} UTC."


def retry_after(page: Response, seconds: float) -> Response:
    """The same for a program (RFC 9110 §10.2.3)."""
    page.headers["Retry-After"] = str(math.ceil(seconds))
    return page


def passwords_off() -> ResponseReturnValue:
    """For a form that is not shown any more."""
    return problem_page(
        "Passwords are switched off here",
        "Nobody signs in with a password here, so it was not looked at.",
        "Go back, reload the page and sign in through your identity provider.",
        403,
    )
