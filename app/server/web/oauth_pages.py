"""/oauth/authorize: the request is checked, the person signs in, and then allows or denies."""

from datetime import datetime
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, UnsupportedResponseTypeError
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app.domain import loopback
from app.domain.errors import SessionEnded
from app.domain.text import clean
from app.server.core import grants
from app.server.core.principals import SignedInBrowser
from app.server.core.services import Services
from app.server.web.browser_session import Visitor
from app.server.web.headers import allow_form_target, can_name
from app.server.web.oauth_server import OAuthServer
from app.server.web.pages import problem_page

# Authlib raises ValueError for a parameter that no answer may quote (RFC 6749 §4.1.2.1).
_UNREADABLE = "A parameter has characters that it may not have."


def make_blueprint(parts: Services, server: OAuthServer) -> Blueprint:
    """The route, protected by the form's CSRF token."""
    pages = Blueprint("oauth_pages", __name__, url_prefix="/oauth")
    consent = _Consent(parts, server)
    pages.add_url_rule("/authorize", "authorize", consent.show, methods=["GET"])
    pages.add_url_rule("/authorize", "decide", consent.decide, methods=["POST"])
    pages.register_error_handler(SessionEnded, _to_sign_in)
    return pages


class _Consent:
    """The page with Allow and Deny."""

    def __init__(self, parts: Services, server: OAuthServer) -> None:
        self._server = server
        self._visitor = Visitor(parts)
        self._clock, self._life = parts.clock, parts.settings.grant_life

    def show(self) -> ResponseReturnValue:
        """Check the request before anything else; then sign-in page or consent page."""
        try:
            with self._server.transaction(write=False):
                grant = self._server.get_consent_grant()
        except OAuth2Error as error:
            return self._refused(error)
        except ValueError:
            return _unanswerable(_UNREADABLE)
        return self._page(grant, self._visitor.require())

    def decide(self) -> ResponseReturnValue:
        """Send the browser back with a code, or with access_denied."""
        browser = self._visitor.require()
        try:
            with self._server.transaction(self._visitor.address) as store:
                store.lock_user(browser)
                grant = self._server.get_consent_grant()
                # Another tab may have changed who is signed in; consent counts for the account it named.
                if request.form.get("account") != str(browser.person.id):
                    return self._page(grant, browser)
                person = browser.person if request.form.get("decision") == "allow" else None
                answer = self._server.create_authorization_response(grant.request, person, grant=grant)
        except OAuth2Error as error:
            return self._refused(error)
        except ValueError:
            return _unanswerable(_UNREADABLE)
        return _leave(answer.location)

    def _page(self, grant: Any, browser: SignedInBrowser) -> str:
        return _page(grant, browser, self._clock() + self._life)

    def _refused(self, error: OAuth2Error) -> ResponseReturnValue:
        """Back to the client when it is known who that is, else a page (RFC 6749 §4.1.2.1)."""
        if not error.redirect_uri:
            return _unanswerable(self._why(error))
        if isinstance(error, UnsupportedResponseTypeError) and not request.args.get("response_type"):
            error = InvalidRequestError(
                "Missing 'response_type' in request.", state=error.state, redirect_uri=error.redirect_uri
            )
        answer = [*error.get_body(), ("iss", self._server.issuer)]
        return redirect(add_params_to_uri(error.redirect_uri, answer), 303)

    def _why(self, error: OAuth2Error) -> str:
        """In the words of the person in front of the page; their program's author reads the last case."""
        with self._server.transaction(write=False) as store:
            client = store.find_client(request.args.get("client_id", ""))
            if client is None:
                return "No program is registered here under the name that it gave."
            if not client.check_redirect_uri(request.args.get("redirect_uri", "")):
                return "The program wants the answer at an address that is not registered for it."
        return error.get_error_description() or "The request is not complete."


def _page(grant: Any, browser: SignedInBrowser, until: datetime) -> str:
    target = grants.origin_of(grant.redirect_uri)
    if can_name(target):
        allow_form_target(target)
    client = grant.request.client
    here = _here()
    return render_template(
        "oauth/consent.html",
        name=clean(client.client_name or client.client_id, 80),
        place=clean(target.partition("://")[2], 80),
        local=loopback.is_loopback_redirect(grant.redirect_uri),
        scopes=[grants.SCOPES[scope] for scope in grant.request.scope.split()],
        person=browser.person,
        until=until,
        target=here,
        leave=url_for("account.sign_out", next=here),
    )


def _leave(location: str) -> ResponseReturnValue:
    origin = grants.origin_of(location)
    if can_name(origin):
        # 303, so that the form is never sent on (RFC 9700 §4.12).
        return redirect(location, 303)
    return render_template("oauth/handover.html", target=location, place=origin.partition("://")[2])


def _to_sign_in(_error: SessionEnded) -> Response:
    return redirect(url_for("account.sign_in", next=_here()), 303)


def _here() -> str:
    return f"{url_for('oauth_pages.authorize')}?{request.query_string.decode('ascii', 'replace')}"


def _unanswerable(text: str) -> ResponseReturnValue:
    step = "Nothing was sent. Start the sign-in again from the program you want to use."
    return problem_page("This request cannot be answered", clean(text), step, 400)
