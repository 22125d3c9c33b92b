"""OAuth endpoints: /oauth/authorize for people; token, revoke, userinfo and metadata for programs."""

from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, UnsupportedResponseTypeError
from authlib.oauth2.rfc6750 import InvalidTokenError
from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.domain import loopback
from app.domain.errors import SessionEnded
from app.domain.text import clean
from app.server import log
from app.server.core import grants
from app.server.core.principals import SignedInBrowser
from app.server.request_headers import bearer_challenge
from app.server.web.browser_session import client_ip, require_browser, services
from app.server.web.oauth_server import OAuthServer
from app.server.web.responses import (
    INTERNAL,
    UNAVAILABLE,
    allow_form_target,
    fits_policy,
    problem_page,
    register_json_errors,
)

METADATA_PATH = "/.well-known/oauth-authorization-server"
PROGRAM_PATHS = ("/oauth/token", "/oauth/revoke", "/oauth/userinfo", METADATA_PATH)
_FORM = "application/x-www-form-urlencoded"
# For a ValueError of Authlib: it cannot read a parameter, or no response may quote it (RFC 6749 §4.1.2.1).
_BAD_CHARACTERS = "A parameter has characters that it may not have."


def oauth_http_error(error: HTTPException) -> ResponseReturnValue:
    """A wrong method, or a request that cannot be read."""
    return {"error": "invalid_request", "error_description": error.name}, error.code or 500


def _server_error(code: str, message: str) -> dict[str, str]:
    # RFC 6749 §4.1.2.1
    names = {UNAVAILABLE: "temporarily_unavailable", INTERNAL: "server_error"}
    return {"error": names[code], "error_description": message}


pages = Blueprint("consent", __name__)
# No cookie is read here.
endpoints = Blueprint("oauth", __name__)
register_json_errors(endpoints, _server_error, oauth_http_error)


def _server() -> OAuthServer:
    server: OAuthServer = current_app.extensions["loopin.oauth"]
    return server


@pages.get("/oauth/authorize")
def authorize() -> ResponseReturnValue:
    """Check the request first; then the sign-in page, or the page with Allow and Deny."""
    with _server().transaction(write=False):
        grant = _server().get_consent_grant()
    return _consent_page(grant, require_browser())


@pages.post("/oauth/authorize")
def decide() -> ResponseReturnValue:
    """Send the browser back with a code, or with access_denied."""
    browser, server = require_browser(), _server()
    with server.transaction(client_ip()) as store:
        store.lock_user(browser)
        grant = server.get_consent_grant()
        # Another tab may have changed who is signed in: the decision is for the account that the page named.
        if request.form.get("account") != str(browser.person.id):
            return _consent_page(grant, browser)
        person = browser.person if request.form.get("decision") == "allow" else None
        answer = server.create_authorization_response(grant.request, person, grant=grant)
    origin = grants.origin_of(answer.location)
    if not fits_policy(origin):
        place = origin.partition("://")[2]
        return render_template("oauth/handover.html", target=answer.location, place=place)
    # 303, so that the form is never sent on (RFC 9700 §4.12).
    return redirect(answer.location, 303)


@pages.errorhandler(SessionEnded)
def require_sign_in(_error: SessionEnded) -> ResponseReturnValue:
    """Redirect to the sign-in, and from there back to this request."""
    return redirect(url_for("sign_in.account", next=_this_request()), 303)


@pages.errorhandler(OAuth2Error)
def refuse_authorization(error: OAuth2Error) -> ResponseReturnValue:
    """Back to the client when its redirect URI is valid, otherwise a page (RFC 6749 §4.1.2.1)."""
    if not error.redirect_uri:
        return _problem(_describe_refusal(error))
    if isinstance(error, UnsupportedResponseTypeError) and not request.args.get("response_type"):
        error = InvalidRequestError(
            "Missing 'response_type' in request.", state=error.state, redirect_uri=error.redirect_uri
        )
    parameters = [*error.get_body(), ("iss", _server().issuer)]
    return redirect(add_params_to_uri(error.redirect_uri, parameters), 303)


@pages.errorhandler(ValueError)
def refuse_characters(_error: ValueError) -> ResponseReturnValue:
    """A page: no response to the client may quote the request."""
    return _problem(_BAD_CHARACTERS)


def _consent_page(grant: Any, browser: SignedInBrowser) -> str:
    target, client, here = grants.origin_of(grant.redirect_uri), grant.request.client, _this_request()
    if fits_policy(target):
        allow_form_target(target)
    return render_template(
        "oauth/consent.html",
        name=clean(client.client_name or client.client_id, 80),
        place=clean(target.partition("://")[2], 80),
        local=loopback.is_loopback_redirect(grant.redirect_uri),
        scopes=[grants.SCOPES[scope] for scope in grant.request.scope.split()],
        person=browser.person,
        until=services().clock() + services().settings.grant_life,
        target=here,
        leave=url_for("sign_in.sign_out", next=here),
    )


def _describe_refusal(error: OAuth2Error) -> str:
    """For the person in front of the page; the last case is for the author of the program."""
    with _server().transaction(write=False) as store:
        client = store.find_client(request.args.get("client_id", ""))
        if client is None:
            return "No program is registered here under the name that it gave."
        if not client.check_redirect_uri(request.args.get("redirect_uri", "")):
            return "The program wants the answer at an address that is not registered for it."
    return error.get_error_description() or "The request is not complete."


def _problem(text: str) -> ResponseReturnValue:
    step = "Nothing was sent. Start the sign-in again from the program you want to use."
    return problem_page("This request cannot be answered", clean(text), step, 400)


def _this_request() -> str:
    return f"{url_for('consent.authorize')}?{request.query_string.decode('ascii', 'replace')}"


@endpoints.post("/oauth/token")
def token() -> ResponseReturnValue:
    """Exchange a code or a refresh token (RFC 6749 §3.2)."""
    _check_form("grant_type")
    with _server().transaction(client_ip()):
        answer: Response = _server().create_token_response()
        return answer


@endpoints.post("/oauth/revoke")
def revoke() -> ResponseReturnValue:
    """End a token (RFC 7009); an unknown one is no error."""
    _check_form("token")
    with _server().transaction(client_ip()):
        answer: Response = _server().create_endpoint_response("revocation")
        return answer


@endpoints.route("/oauth/userinfo", methods=["GET", "POST"])
def userinfo() -> ResponseReturnValue:
    """The person of an access token, with the claims of OpenID Connect Core 1.0 §5.1."""
    with _server().transaction(write=False) as store:
        access_token = _server().protect.acquire_token(grants.USERINFO_SCOPE)
        person = store.find_person(access_token.user_id)
    if person is None:
        raise InvalidTokenError
    return {"sub": str(person.id), "email": person.email, "name": person.name}


@endpoints.get(METADATA_PATH)
def metadata() -> ResponseReturnValue:
    """Metadata of the authorization server (RFC 8414)."""
    return _server().metadata


@endpoints.errorhandler(OAuth2Error)
def refuse_request(error: OAuth2Error) -> ResponseReturnValue:
    """An error in Authlib's form (RFC 6749 §5.2)."""
    status, body, headers = error()
    return body, status, dict(headers)


@endpoints.errorhandler(ValueError)
def refuse_parameter(_error: ValueError) -> ResponseReturnValue:
    """The same for a parameter or header that Authlib cannot read."""
    log.event("oauth.unreadable")
    return {"error": "invalid_request", "error_description": _BAD_CHARACTERS}, 400


@endpoints.after_request
def correct_challenge(answer: Response) -> Response:
    """Authlib names an error also where no token was sent (RFC 6750 §3)."""
    if answer.status_code == 401 and answer.headers.get("WWW-Authenticate", "").lower().startswith("bearer"):
        answer.headers["WWW-Authenticate"] = bearer_challenge(request.headers.get("Authorization", ""))
    return answer


def _check_form(required: str) -> None:
    """A form with each parameter once (RFC 6749 §3.2), and with `required`."""
    if request.mimetype != _FORM:
        raise InvalidRequestError(f"Send the parameters as {_FORM}.")
    for name, values in request.form.lists():
        if len(values) > 1:
            raise InvalidRequestError("A parameter was sent more than once.")
        if "\x00" in name or "\x00" in values[0]:
            raise InvalidRequestError(_BAD_CHARACTERS)
    if not request.form.get(required):
        raise InvalidRequestError(f"Missing '{required}' in request.")
