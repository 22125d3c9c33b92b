"""The OAuth endpoints that programs call: token, revoke, userinfo, metadata."""

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc6750 import InvalidTokenError
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.server import log
from app.server.core import grants
from app.server.core.services import Services
from app.server.request_headers import bearer_challenge
from app.server.web.browser_session import Visitor
from app.server.web.errors import INTERNAL, UNAVAILABLE, answer_errors
from app.server.web.oauth_server import OAuthServer

METADATA_PATH = "/.well-known/oauth-authorization-server"
PATHS = ("/oauth/token", "/oauth/revoke", "/oauth/userinfo", METADATA_PATH)
_FORM = "application/x-www-form-urlencoded"


def make_blueprint(parts: Services, server: OAuthServer) -> Blueprint:
    """The routes; none of them looks at a cookie."""
    routes = Blueprint("oauth", __name__)
    calls = _Calls(server, Visitor(parts))
    routes.add_url_rule("/oauth/token", "token", calls.token, methods=["POST"])
    routes.add_url_rule("/oauth/revoke", "revoke", calls.revoke, methods=["POST"])
    routes.add_url_rule("/oauth/userinfo", "userinfo", calls.userinfo, methods=["GET", "POST"])
    routes.add_url_rule(METADATA_PATH, "metadata", lambda: server.metadata, methods=["GET"])
    _answer_errors(routes)
    routes.after_request(_challenge)
    return routes


def no_such_call(error: HTTPException) -> ResponseReturnValue:
    """A wrong method, or a request that cannot be read."""
    return {"error": "invalid_request", "error_description": error.name}, error.code or 500


class _Calls:
    """One method an endpoint: check the form, open a transaction, let Authlib answer."""

    def __init__(self, server: OAuthServer, visitor: Visitor) -> None:
        self._server = server
        self._visitor = visitor

    def token(self) -> ResponseReturnValue:
        """Codes and refresh tokens become tokens (RFC 6749 §3.2)."""
        _check_form("grant_type")
        with self._server.transaction(self._visitor.address):
            answer: Response = self._server.create_token_response()
            return answer

    def revoke(self) -> ResponseReturnValue:
        """End a token (RFC 7009); an unknown one is no error."""
        _check_form("token")
        with self._server.transaction(self._visitor.address):
            answer: Response = self._server.create_endpoint_response("revocation")
            return answer

    def userinfo(self) -> ResponseReturnValue:
        """Whose access token it is; field names as in OpenID Connect Core §5.1."""
        with self._server.transaction(write=False) as store:
            person = store.find_person(self._server.protect.acquire_token(grants.USERINFO_SCOPE).user_id)
        if person is None:
            raise InvalidTokenError
        return {"sub": str(person.id), "email": person.email, "name": person.name}


def _check_form(needed: str) -> None:
    """Each parameter once (RFC 6749 §3.2), as a form, and the one that names the request."""
    if request.mimetype != _FORM:
        raise InvalidRequestError(f"Send the parameters as {_FORM}.")
    for name, values in request.form.lists():
        if len(values) > 1:
            raise InvalidRequestError("A parameter was sent more than once.")
        if "\x00" in name or "\x00" in values[0]:
            raise InvalidRequestError("A parameter has characters that it may not have.")
    if not request.form.get(needed):
        raise InvalidRequestError(f"Missing '{needed}' in request.")


def _challenge(answer: Response) -> Response:
    # Authlib names an error where no token was sent, too.
    if answer.status_code == 401 and answer.headers.get("WWW-Authenticate", "").lower().startswith("bearer"):
        answer.headers["WWW-Authenticate"] = bearer_challenge(request.headers.get("Authorization", ""))
    return answer


def _answer_errors(routes: Blueprint) -> None:
    answer_errors(routes, _error, no_such_call)

    @routes.errorhandler(OAuth2Error)
    def refused(error: OAuth2Error) -> ResponseReturnValue:
        status, body, headers = error()
        return body, status, dict(headers)

    @routes.errorhandler(ValueError)
    def unreadable(error: ValueError) -> ResponseReturnValue:
        # Authlib's word for a parameter or header that it can neither read nor quote.
        log.event("oauth.unreadable")
        text = "A parameter has characters that it may not have."
        return {"error": "invalid_request", "error_description": text}, 400


def _error(code: str, message: str) -> dict[str, str]:
    # RFC 6749 §4.1.2.1
    names = {UNAVAILABLE: "temporarily_unavailable", INTERNAL: "server_error"}
    return {"error": names[code], "error_description": message}
