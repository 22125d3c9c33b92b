"""The pages of a person's own account: signing in and out, user ID and API keys."""

from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import NotFound, NotSignedIn, PermissionDenied, RateLimited, SessionEnded
from app.server.core.principals import SignedInBrowser
from app.server.core.services import Services
from app.server.web import account_access
from app.server.web.browser_session import Visitor, next_place
from app.server.web.pages import problem_page
from app.server.web.sign_in_form import LoginForm, passwords_off, refusal


def make_blueprint(parts: Services) -> Blueprint:
    """The routes under /account."""
    pages = Blueprint("account", __name__, url_prefix="/account")
    visitor = Visitor(parts)
    sign_in, keys = _SignIn(parts, visitor), _Keys(parts, visitor)
    pages.add_url_rule("", "home", _to_keys, methods=["GET"], strict_slashes=False)
    pages.add_url_rule("/sign-in", "sign_in", sign_in.show, methods=["GET"])
    pages.add_url_rule("/sign-in", "enter", sign_in.enter, methods=["POST"])
    pages.add_url_rule("/sign-out", "sign_out", sign_in.leave, methods=["POST"])
    pages.add_url_rule("/keys", "keys", keys.show, methods=["GET"])
    pages.add_url_rule("/keys", "make_key", keys.make, methods=["POST"])
    pages.add_url_rule("/keys/delete", "delete_key", keys.delete, methods=["POST"])
    account_access.add_routes(pages, parts, visitor)
    pages.register_error_handler(SessionEnded, _to_sign_in)
    return pages


class _SignIn:
    """Signing in to these pages, and out again."""

    def __init__(self, parts: Services, visitor: Visitor) -> None:
        self._clock = parts.clock
        self._visitor = visitor
        self._passwords = parts.settings.passwords

    def show(self) -> ResponseReturnValue:
        """The empty form."""
        return self._page(LoginForm(formdata=None))

    def enter(self) -> ResponseReturnValue:
        """Check what was sent; on to the page that was asked for, or the form again."""
        form = LoginForm()
        if not self._passwords:
            return passwords_off()
        if not form.validate():
            return self._page(form, status=400)
        try:
            self._visitor.keep(self._visitor.sign_in(*form.typed))
        except (NotSignedIn, RateLimited) as error:
            return self._page(form, *refusal(error, self._clock()))
        return redirect(next_place(request.args.get("next", "")), 303)

    def leave(self) -> ResponseReturnValue:
        """Sign out, and back to the form."""
        self._visitor.sign_out()
        return redirect(url_for("account.sign_in", next=next_place(request.args.get("next", ""))), 303)

    def _page(
        self, form: LoginForm, problem: str = "", status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        place = next_place(request.args.get("next", ""))
        html = render_template(
            "account/sign_in.html",
            form=form,
            problem=problem,
            asked=place.startswith("/oauth/"),
            target=url_for("account.enter", next=place),
        )
        return Response(html, status, headers)


class _Keys:
    """User ID and API keys."""

    def __init__(self, parts: Services, visitor: Visitor) -> None:
        self._keys = parts.api_keys
        self._visitor = visitor

    def show(self) -> ResponseReturnValue:
        """What there is."""
        return self._page(self._visitor.require())

    def make(self) -> ResponseReturnValue:
        """Create a key and show it, once."""
        browser = self._visitor.require()
        try:
            team = _team()
            return self._page(browser, self._keys.create_key(browser, team, self._visitor.address), team)
        except (ValueError, NotFound, PermissionDenied):
            return _not_yours()

    def delete(self) -> ResponseReturnValue:
        """Delete a key, and show what is left."""
        browser = self._visitor.require()
        try:
            self._keys.delete_key(browser, _team(), self._visitor.address)
        except (ValueError, NotFound, PermissionDenied):
            return _not_yours()
        flash("The key is deleted.")
        return _to_keys()

    def _page(self, browser: SignedInBrowser, key: str = "", team_id: UUID | None = None) -> str:
        keys = self._keys.read_overview(browser.person)
        return render_template("account/keys.html", browser=browser, keys=keys, new_key=key, new_for=team_id)


def _team() -> UUID | None:
    team = request.form.get("team", "")
    return UUID(team) if team else None


def _to_sign_in(_error: SessionEnded) -> ResponseReturnValue:
    """On to the sign-in, and from there to the page that was asked for, or that has the form."""
    page = request.path.removesuffix("/delete")
    return redirect(url_for("account.sign_in", next=page), 303)


def _to_keys() -> ResponseReturnValue:
    return redirect(url_for("account.keys"), 303)


def _not_yours() -> ResponseReturnValue:
    return problem_page(
        "This key is not yours to change",
        "Only owners and admins of an organization create and delete the keys of its teams, and a key that "
        "is not there cannot be deleted. Nothing was changed.",
        "Ask an owner or an admin of the organization, or reload the page of keys.",
        403,
    )
