"""/account/sessions: where a person is signed in, the programs that they allowed, and the end of each."""

from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import NotFound, SessionEnded
from app.domain.text import plural
from app.server.http.own_pages import OwnPages, problem
from app.server.http.visitor import Visitor
from app.server.parts import Parts
from app.server.usecases.access import Ended
from app.server.usecases.own_access import OwnAccess

PAGE = "account.sessions"
MOST = 50


def add_routes(pages: Blueprint, parts: Parts, visitor: Visitor) -> None:
    """Add them to the pages of the account."""
    own = _Sessions(parts, visitor)
    pages.add_url_rule("/sessions", "sessions", own.show, methods=["GET"])
    pages.add_url_rule("/sessions", "end_session", own.end, methods=["POST"])


class _Sessions:
    """The page, and what its buttons do."""

    def __init__(self, parts: Parts, visitor: Visitor) -> None:
        self._access = OwnAccess(parts.database, parts.clock)
        self._pages = OwnPages(parts)
        self._visitor = visitor

    def show(self) -> ResponseReturnValue:
        """What is open now."""
        browser = self._visitor.current()
        if browser is None:
            return self._pages.to_sign_in(PAGE)
        found = self._access.read(browser)
        return self._pages.show("account/sessions.html", browser, access=found, most=MOST)

    def end(self) -> ResponseReturnValue:
        """End what the button stands for, and show what is left."""
        browser = self._visitor.current()
        if browser is None:
            return self._pages.to_sign_in(PAGE)
        form, address = request.form, self._visitor.address
        try:
            if form.get("session"):
                self._access.end_session(browser, UUID(form["session"]), address)
                done = Ended(sessions=1)
            elif form.get("grant"):
                self._access.end_grant(browser, UUID(form["grant"]), address)
                done = Ended(grants=1)
            elif form.get("others") == "all":
                done = self._access.end_others(browser, address, keys="keys" in form)
            else:
                raise ValueError("the form names nothing to end")
        except SessionEnded:
            return self._pages.to_sign_in(PAGE)
        except (ValueError, NotFound):
            return problem(
                "This has ended already",
                "It is not open any more, or it is not yours. Nothing was changed.",
                "Go back and reload the page.",
                404,
            )
        flash(describe_ended(done))
        return redirect(url_for(PAGE), 303)


def describe_ended(ended: Ended) -> str:
    """How much ended, in a sentence."""
    parts = (("session", ended.sessions), ("program", ended.grants), ("API key", ended.keys))
    return f"Ended: {', '.join(plural(number, noun) for noun, number in parts if number) or 'nothing'}."
