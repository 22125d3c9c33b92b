"""The authorization server: Authlib's, with our grants, endpoints and storage."""

# mypy: allow-subclassing-any
# Authlib carries no types.

import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc6750 import BearerTokenGenerator, BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Request, g
from flask import request as current_request
from werkzeug.datastructures import MultiDict

from app.server.core import grants
from app.server.core.grants import Consent, GrantStore, IssuedCode, IssuedToken, SuccessorTokens
from app.server.core.principals import Person
from app.server.core.services import Services
from app.server.opaque_tokens import ACCESS_PREFIX, CODE_PREFIX, REFRESH_PREFIX, new_secret
from app.server.persistence.models import OAuthClient

# At debug level Authlib writes whole tokens.
logging.getLogger("authlib").setLevel(logging.INFO)


class OAuthServer(AuthorizationServer):
    """One for each application. `issuer` is the public URL, without a slash at its end (RFC 8414 §2)."""

    def __init__(self, services: Services, issuer: str) -> None:
        super().__init__(query_client=_find_client, save_token=_save_token)
        self.issuer = issuer
        self.metadata = _metadata(issuer)
        self.scopes_supported = list(grants.SCOPES)
        self._database = services.database
        self._grant_life = services.settings.grant_life
        self._successors = SuccessorTokens(services.key_ring)
        generator = BearerTokenGenerator(
            lambda **_: new_secret(ACCESS_PREFIX),
            lambda **_: new_secret(REFRESH_PREFIX),
            int(grants.ACCESS_LIFE.total_seconds()),
        )
        self.register_token_generator("default", generator)
        self.register_grant(_CodeGrant, [_RequireS256(required=True)])
        self.register_grant(_RefreshGrant)
        self.register_endpoint(_Revocation)
        self.register_extension(_Issuer(issuer))
        self.protect = ResourceProtector()
        self.protect.register_token_validator(_AccessTokenValidator(realm=issuer))

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        """The current request under its public URL; an OAuth2Request is returned as it is."""
        if isinstance(request, OAuth2Request):
            return request
        return _PublicRequest(current_request, self.issuer)

    @contextmanager
    def transaction(self, address: str = "", write: bool = True) -> Iterator[GrantStore]:
        """One database transaction around Authlib; committed also when the response is an error."""
        database = self._database
        with database.write() if write else database.read() as session:
            # The database's time: a replica's own clock must not decide what was used already.
            now = partial(database.now, session)
            g.oauth_store = GrantStore(session, now, self._successors, address, self._grant_life)
            try:
                yield g.oauth_store
            finally:
                del g.oauth_store


def _store() -> GrantStore:
    """The store of the current `OAuthServer.transaction`."""
    store: GrantStore = g.oauth_store
    return store


def _find_client(client_id: str) -> OAuthClient | None:
    return _store().find_client(client_id)


def _save_token(token: dict[str, Any], request: Any) -> None:
    """Store the tokens of a response."""
    code: IssuedCode | None = request.authorization_code
    if code:
        _store().add_first_tokens(code.grant_id, token)
    else:
        _store().add_access_token(request.refresh_token.grant_id, token)


class _CodeGrant(AuthorizationCodeGrant):
    """Authorization code (RFC 6749 §4.1): used once, within 60 s, with its redirect URI and verifier."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = list(grants.AUTH_METHODS)

    def generate_authorization_code(self) -> str:
        """256 random bits."""
        return new_secret(CODE_PREFIX)

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Store the consent."""
        redirect_uri = request.payload.redirect_uri or request.client.get_default_redirect_uri()
        challenge = request.payload.data["code_challenge"]
        consent = Consent(request.user, request.client.client_id, request.scope, redirect_uri, challenge)
        _store().add_consent(consent, code)

    def query_authorization_code(self, code: str, client: OAuthClient) -> IssuedCode | None:
        """The code, if this client may redeem it."""
        return _store().find_code(code, client.client_id)

    def delete_authorization_code(self, authorization_code: IssuedCode) -> None:
        """Mark the code as used. It stays for a day, so that a second use is recognized."""
        _store().spend_code(self.request.form["code"])

    def authenticate_user(self, authorization_code: IssuedCode) -> Person | None:
        """The person who agreed, unless disabled since."""
        return _store().find_person(authorization_code.user_id)


class _RefreshGrant(RefreshTokenGrant):
    """Refresh token (RFC 6749 §6), used once; its successor can be derived again for a lost response."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = list(grants.AUTH_METHODS)

    def authenticate_refresh_token(self, refresh_token: str) -> IssuedToken | None:
        """The token, if it may be used now."""
        return _store().find_refresh_token(refresh_token)

    def authenticate_user(self, refresh_token: IssuedToken) -> Person | None:
        """The person of the token, unless disabled since."""
        return _store().find_person(refresh_token.user_id)

    def issue_token(self, user: Person, refresh_token: IssuedToken) -> dict[str, Any]:
        """A new access token and the successor."""
        token: dict[str, Any] = super().issue_token(user, refresh_token)
        successor = _store().rotate_refresh_token(refresh_token)
        if successor is None:
            raise InvalidGrantError("The answer to this refresh token can no longer be repeated.")
        return token | {"refresh_token": successor}

    def revoke_old_credential(self, refresh_token: IssuedToken) -> None:
        """Nothing: the rotation has marked it, and it may be repeated for ten seconds."""


class _RequireS256(CodeChallenge):
    """PKCE with S256 only: a missing method means `plain` (RFC 7636 §4.3), which is refused."""

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse a request without a challenge, or with a method other than S256."""
        data = grant.request.payload.data
        if not data.get("code_challenge"):
            raise InvalidRequestError("A code_challenge is required.")
        if data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("The code_challenge_method must be S256.")
        super().validate_code_challenge(grant, redirect_uri)


class _Revocation(RevocationEndpoint):
    """Token revocation (RFC 7009), open to public clients for their own tokens (§5)."""

    CLIENT_AUTH_METHODS: ClassVar = list(grants.AUTH_METHODS)

    def authenticate_token(self, request: Any, client: OAuthClient) -> IssuedToken | None:
        """The client's own token; another client's is answered like an unknown one.

        A token_type_hint only saves a search, so an unknown one changes nothing (§2.1).
        """
        token = _store().find_token(request.form["token"])
        return token if token and token.check_client(client) else None

    def revoke_token(self, token: IssuedToken, request: Any) -> None:
        """End it."""
        _store().revoke_token(token)


class _AccessTokenValidator(BearerTokenValidator):
    """Access tokens only: a refresh token gives access to nothing (RFC 6749 §1.5)."""

    def authenticate_token(self, token_string: str) -> IssuedToken | None:
        """The access token of a person who may still sign in."""
        token = _store().find_token(token_string)
        if token is None or token.kind != grants.ACCESS:
            return None
        return token if _store().find_person(token.user_id) else None


class _PublicRequest(OAuth2Request):
    """A request under its public URL: behind a proxy our own is plain http, which Authlib refuses."""

    # A property without a setter in the base class.
    form: Any = None

    def __init__(self, request: Request, issuer: str) -> None:
        super().__init__(request.method, issuer + request.full_path, headers=request.headers)
        self.form = request.form
        self.payload = _Payload(request.args if request.path == "/oauth/authorize" else request.form)


class _Payload(OAuth2Payload):
    """Parameters from one place: the query of an authorization request, the body of any other."""

    def __init__(self, parameters: "MultiDict[str, str]") -> None:
        self._parameters = parameters

    @property
    def data(self) -> "MultiDict[str, str]":
        """The first value of each parameter."""
        return self._parameters

    @property
    def datalist(self) -> "defaultdict[str, list[str]]":
        """All values of each parameter."""
        return defaultdict(list, self._parameters.lists())


class _Issuer(IssuerParameter):
    """The parameter `iss` of authorization responses (RFC 9207)."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def get_issuer(self) -> str:
        """The issuer."""
        return self._issuer


def _metadata(issuer: str) -> dict[str, Any]:
    """Authorization server metadata (RFC 8414 §2)."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "scopes_supported": list(grants.SCOPES),
        "response_types_supported": list(grants.RESPONSE_TYPES),
        "response_modes_supported": ["query"],
        "grant_types_supported": list(grants.GRANT_TYPES),
        "token_endpoint_auth_methods_supported": list(grants.AUTH_METHODS),
        "revocation_endpoint_auth_methods_supported": list(grants.AUTH_METHODS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
