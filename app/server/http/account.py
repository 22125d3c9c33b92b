"""The pages of a person's own account: signing in and out, user ID and API keys."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import NotFound, NotSignedIn, PermissionDenied, RateLimited, SessionEnded
from app.server.http import own_password, own_sessions
from app.server.http.own_pages import OwnPages, problem
from app.server.http.sign_in_form import WRONG, LoginForm, passwords_off, retry_after, too_many
from app.server.http.visitor import Visitor, next_place
from app.server.parts import Parts
from app.server.usecases.api_keys import CreateKey, DeleteKey, ReadKeys
from app.server.usecases.browser_sessions import SignedInBrowser

KEYS = "account.keys"


def make_blueprint(parts: Parts) -> Blueprint:
    """The routes under /account."""
    pages = Blueprint("account", __name__, url_prefix="/account")
    visitor = Visitor(parts)
    door, keys = _Door(parts, visitor), _Keys(parts, visitor)
    pages.add_url_rule("", "home", _to_keys, methods=["GET"], strict_slashes=False)
    pages.add_url_rule("/sign-in", "sign_in", door.show, methods=["GET"])
    pages.add_url_rule("/sign-in", "enter", door.enter, methods=["POST"])
    pages.add_url_rule("/sign-out", "sign_out", door.leave, methods=["POST"])
    pages.add_url_rule("/keys", "keys", keys.show, methods=["GET"])
    pages.add_url_rule("/keys", "make_key", keys.make, methods=["POST"])
    pages.add_url_rule("/keys/delete", "delete_key", keys.delete, methods=["POST"])
    own_sessions.add_routes(pages, parts, visitor)
    own_password.add_routes(pages, parts, visitor)
    return pages


class _Door:
    """Signing in to these pages, and out again."""

    def __init__(self, parts: Parts, visitor: Visitor) -> None:
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
        except NotSignedIn:
            return self._page(form, WRONG, 401)
        except RateLimited as error:
            seconds = error.retry_after or 60
            return retry_after(self._page(form, too_many(error, self._clock()), 429), seconds)
        return redirect(next_place(request.args.get("next", "")), 303)

    def leave(self) -> ResponseReturnValue:
        """Sign out, and back to the form."""
        self._visitor.sign_out()
        return redirect(url_for("account.sign_in", next=next_place(request.args.get("next", ""))), 303)

    def _page(self, form: LoginForm, problem: str = "", status: int = 200) -> Response:
        place = next_place(request.args.get("next", ""))
        html = render_template(
            "account/sign_in.html",
            form=form,
            problem=problem,
            asked=place.startswith("/oauth/"),
            target=url_for("account.enter", next=place),
        )
        return Response(html, status)


class _Keys:
    """User ID and API keys."""

    def __init__(self, parts: Parts, visitor: Visitor) -> None:
        self._read = ReadKeys(parts.database)
        self._create = CreateKey(parts.database, parts.clock)
        self._delete = DeleteKey(parts.database, parts.clock)
        self._pages = OwnPages(parts)
        self._visitor = visitor

    def show(self) -> ResponseReturnValue:
        """What there is."""
        browser = self._visitor.current()
        return self._page(browser) if browser else self._pages.to_sign_in(KEYS)

    def make(self) -> ResponseReturnValue:
        """Create a key and show it, once."""
        return self._change(
            lambda browser, team: self._page(
                browser, self._create.do(browser, team, self._visitor.address), team
            )
        )

    def delete(self) -> ResponseReturnValue:
        """Delete a key, and show what is left."""

        def work(browser: SignedInBrowser, team: UUID | None) -> ResponseReturnValue:
            self._delete.do(browser, team, self._visitor.address)
            flash("The key is deleted.")
            return redirect(url_for(KEYS), 303)

        return self._change(work)

    def _change(
        self, work: Callable[[SignedInBrowser, UUID | None], ResponseReturnValue]
    ) -> ResponseReturnValue:
        browser = self._visitor.current()
        if browser is None:
            return self._pages.to_sign_in(KEYS)
        try:
            return work(browser, UUID(team) if (team := request.form.get("team", "")) else None)
        except SessionEnded:
            return self._pages.to_sign_in(KEYS)
        except (ValueError, NotFound, PermissionDenied):
            return _not_yours()

    def _page(self, browser: SignedInBrowser, key: str = "", team_id: UUID | None = None) -> str:
        overview = self._read.do(browser.person)
        return self._pages.show("account/keys.html", browser, keys=overview, new_key=key, new_for=team_id)


def _to_keys() -> ResponseReturnValue:
    return redirect(url_for(KEYS), 303)


def _not_yours() -> ResponseReturnValue:
    return problem(
        "This key is not yours to change",
        "Only owners and admins of an organization create and delete the keys of its teams, and a key that "
        "is not there cannot be deleted. Nothing was changed.",
        "Ask an owner or an admin of the organization, or reload the page of keys.",
        403,
    )
