"""What the pages of a person's own account share: who is signed in, the way from one to the other."""

from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from werkzeug.utils import redirect

from app.server.parts import Parts
from app.server.usecases.browser_sessions import SignedInBrowser


class OwnPages:
    """Shows them. People without a password are not offered the page that changes it."""

    def __init__(self, parts: Parts) -> None:
        self._passwords = parts.settings.passwords

    def show(self, template: str, browser: SignedInBrowser, **values: object) -> str:
        """A page for the person in front of the browser."""
        changes = self._passwords and browser.has_password
        return render_template(template, person=browser.person, changes_password=changes, **values)

    def to_sign_in(self, endpoint: str) -> ResponseReturnValue:
        """On to the sign-in, and from there to the page of `endpoint`."""
        return redirect(url_for("account.sign_in", next=url_for(endpoint)), 303)


def problem(title: str, text: str, step: str, status: int) -> ResponseReturnValue:
    """A page that says in three sentences what did not work."""
    return render_template("problem.html", title=title, text=text, step=step), status
