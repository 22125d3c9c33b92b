"""What both sign-in pages share: the form, and what is said when it does not sign anybody in."""

import math
from datetime import datetime, timedelta

from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length

from app.domain.errors import NotSignedIn, RateLimited
from app.server.limits import Busy
from app.server.web.pages import problem_page

WRONG = "That e-mail address and password do not match."


class LoginForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """E-mail address and password, with the CSRF token that Flask-WTF adds."""

    email = EmailField("E-mail address", [InputRequired("Enter your e-mail address."), Length(max=320)])
    password = PasswordField("Password", [InputRequired("Enter your password."), Length(max=1024)])

    @property
    def typed(self) -> tuple[str, str]:
        """E-mail address and password as they were sent."""
        return self.email.data or "", self.password.data or ""


def refusal(
    error: NotSignedIn | RateLimited, now: datetime, wrong: str = WRONG, status: int = 401
) -> tuple[str, int, dict[str, str]]:
    """What the page with the form says then, its status and its headers; `wrong` is for a wrong password."""
    if not isinstance(error, RateLimited):
        return wrong, status, {}
    seconds = error.retry_after or 60
    minutes = math.ceil(seconds / 60)
    wait = "1 minute" if minutes == 1 else f"{minutes} minutes"
    text = f"Too many attempts. Try again in {wait}, at {now + timedelta(seconds=seconds):%H:%M} UTC."
    if isinstance(error, Busy):
        text = "Many people are signing in at this moment. Try again in a few seconds."
    # The same for a program (RFC 9110 §10.2.3).
    return text, 429, {"Retry-After": str(math.ceil(seconds))}


def passwords_off() -> ResponseReturnValue:
    """For a form that is not shown any more."""
    return problem_page(
        "Passwords are switched off here",
        "Nobody signs in with a password here, so it was not looked at.",
        "Go back, reload the page and sign in through your identity provider.",
        403,
    )
