"""Pages of a person's own account: API keys, sessions and allowed programs, and the password."""

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
from app.server.web.browser_session import (
    client_ip,
    device_name,
    replace_secret,
    require_browser,
    services,
)
from app.server.web.responses import problem_page
from app.server.web.sign_in import describe_refusal

# Rows of each list on the page of sessions.
MAX_ROWS = 50
WRONG_PASSWORD = "That is not your current password."

pages = Blueprint("account", __name__, url_prefix="/account")


@pages.errorhandler(SessionEnded)
def require_sign_in(_error: SessionEnded) -> ResponseReturnValue:
    """Redirect to the sign-in, and from there to this page or the page that has this form."""
    page = request.path.removesuffix("/delete")
    return redirect(url_for("sign_in.account", next=page), 303)


@pages.get("", strict_slashes=False)
def home() -> ResponseReturnValue:
    """Redirect to the first page."""
    return redirect(url_for("account.keys"), 303)


@pages.get("/keys")
def keys() -> ResponseReturnValue:
    """User ID and API keys."""
    return _keys_page(require_browser())


@pages.post("/keys")
def create_key() -> ResponseReturnValue:
    """Create or replace a key, and show it once."""
    browser = require_browser()
    try:
        team = _team_in_form()
        key = services().api_keys.create_key(browser, team, client_ip())
    except (ValueError, NotFound, PermissionDenied):
        return _key_refused()
    return _keys_page(browser, key, team)


@pages.post("/keys/delete")
def delete_key() -> ResponseReturnValue:
    """Delete a key."""
    browser = require_browser()
    try:
        services().api_keys.delete_key(browser, _team_in_form(), client_ip())
    except (ValueError, NotFound, PermissionDenied):
        return _key_refused()
    flash("The key is deleted.")
    return redirect(url_for("account.keys"), 303)


def _team_in_form() -> UUID | None:
    team = request.form.get("team", "")
    return UUID(team) if team else None


def _keys_page(browser: SignedInBrowser, new_key: str = "", team: UUID | None = None) -> str:
    keys = services().api_keys.read_overview(browser.person)
    return render_template("account/keys.html", browser=browser, keys=keys, new_key=new_key, new_for=team)


def _key_refused() -> ResponseReturnValue:
    return problem_page(
        "This key is not yours to change",
        "Only owners and admins of an organization create and delete the keys of its teams, and a key that "
        "is not there cannot be deleted. Nothing was changed.",
        "Ask an owner or an admin of the organization, or reload the page of keys.",
        403,
    )


@pages.get("/sessions")
def sessions() -> ResponseReturnValue:
    """Where the person is signed in, and the programs that they allowed."""
    browser = require_browser()
    access = services().own_access.read_overview(browser)
    return render_template("account/sessions.html", browser=browser, access=access, most=MAX_ROWS)


@pages.post("/sessions")
def end_session() -> ResponseReturnValue:
    """End the session or grant in the form, or all others."""
    browser, form, access = require_browser(), request.form, services().own_access
    try:
        if form.get("session"):
            access.end_session(browser, UUID(form["session"]), client_ip())
            ended = EndedAccess(sessions=1)
        elif form.get("grant"):
            access.end_grant(browser, UUID(form["grant"]), client_ip())
            ended = EndedAccess(grants=1)
        elif form.get("others") == "all":
            ended = access.end_others(browser, client_ip(), keys="keys" in form)
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
    counts = (("session", ended.sessions), ("program", ended.grants), ("API key", ended.keys))
    return f"Ended: {', '.join(plural(number, noun) for noun, number in counts if number) or 'nothing'}."


def _differs_from_current(form: Form, field: Field) -> None:
    if field.data == form["current"].data:
        raise ValidationError("Choose another one than the current password.")


class PasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """The current password, and the new one twice."""

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
            _differs_from_current,
        ],
    )
    again = PasswordField(
        "New password, once more",
        [InputRequired("Enter the new password once more."), EqualTo("new", "The two are not the same.")],
    )


@pages.route("/password", methods=["GET", "POST"])
def password() -> ResponseReturnValue:
    """Change the password; on to the page of sessions, which shows what is still open."""
    browser, form = require_browser(), PasswordForm()

    def show(problem: str = "", status: int = 200, headers: dict[str, str] | None = None) -> Response:
        html = render_template("account/password.html", browser=browser, form=form, problem=problem)
        return Response(html, status, headers)

    if not form.is_submitted():
        has_password = services().settings.passwords and browser.has_password
        return show() if has_password else _no_password()
    if not form.validate():
        return show(status=400)
    device = device_name(browser.person.email)
    try:
        ended, secret = services().sessions.change_password(
            browser, form.current.data or "", form.new.data or "", client_ip(), device
        )
    except PermissionDenied:
        return _no_password()
    except SessionEnded:
        # A kind of NotSignedIn that is no wrong password: on to the sign-in.
        raise
    except (NotSignedIn, RateLimited) as error:
        return show(*describe_refusal(error, WRONG_PASSWORD, 403))
    replace_secret(secret)
    flash(f"Your password is changed. {_describe(ended)}")
    return redirect(url_for("account.sessions"), 303)


def _no_password() -> ResponseReturnValue:
    return problem_page(
        "You have no password here",
        "You sign in through your identity provider, so there is no password to change.",
        "Change it at your identity provider.",
        403,
    )
