"""The pages of a person's own account: signing in and out, user ID and API keys."""

from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import NotFound, NotSignedIn, PermissionDenied, RateLimited, SessionEnded
from app.server.http.sign_in_form import WRONG, LoginForm, passwords_off, retry_after, too_many
from app.server.http.visitor import Visitor, next_place
from app.server.parts import Parts
from app.server.usecases.api_keys import MakeKey, ReadKeys
from app.server.usecases.browser_sessions import SignedInBrowser


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
        self._make = MakeKey(parts.database, parts.clock)
        self._visitor = visitor

    def show(self) -> ResponseReturnValue:
        """What there is."""
        browser = self._visitor.current()
        return self._page(browser) if browser else _to_sign_in()

    def make(self) -> ResponseReturnValue:
        """Make a key and show it, once."""
        browser = self._visitor.current()
        if browser is None:
            return _to_sign_in()
        try:
            team_id = UUID(team) if (team := request.form.get("team", "")) else None
            key = self._make.do(browser, team_id, self._visitor.address)
        except SessionEnded:
            return _to_sign_in()
        except (ValueError, NotFound, PermissionDenied):
            return _not_yours()
        return self._page(browser, key, team_id)

    def _page(self, browser: SignedInBrowser, key: str = "", team_id: UUID | None = None) -> str:
        overview = self._read.do(browser.person)
        return render_template(
            "account/keys.html", person=browser.person, keys=overview, new_key=key, new_for=team_id
        )


def _to_keys() -> ResponseReturnValue:
    return redirect(url_for("account.keys"), 303)


def _to_sign_in() -> ResponseReturnValue:
    return redirect(url_for("account.sign_in", next=url_for("account.keys")), 303)


def _not_yours() -> ResponseReturnValue:
    return render_template(
        "problem.html",
        title="This key is not yours to make",
        text="Only owners and admins of an organization make the keys of its teams. Nothing was changed.",
        step="Ask an owner or an admin of the organization.",
    ), 403
