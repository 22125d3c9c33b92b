"""The authorization server: Authlib's, with our grants, endpoints and storage."""

# mypy: allow-subclassing-any
# Authlib carries no types.

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Payload, FlaskOAuth2Request
from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6750 import BearerTokenGenerator, BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Request, g
from flask import request as current_request
from werkzeug.datastructures import MultiDict

from app.server import opaque_tokens
from app.server.core import grants
from app.server.core.grants import GrantStore, IssuedToken, SuccessorTokens
from app.server.core.services import Services
from app.server.persistence.models import OAuthClient
from app.server.web.oauth_grants import CodeGrant, RefreshGrant, RequireS256, save_token, store

# At debug level Authlib writes whole tokens.
logging.getLogger("authlib").setLevel(logging.INFO)


class OAuthServer(AuthorizationServer):
    """Built for each app. `issuer` is the public address, without a slash at its end (RFC 8414 §2)."""

    def __init__(self, parts: Services, issuer: str) -> None:
        super().__init__(query_client=_query_client, save_token=save_token)
        self.issuer = issuer
        self.metadata = _metadata(issuer)
        self.scopes_supported = list(grants.SCOPES)
        self._parts = parts
        self._successors = SuccessorTokens(parts.key_ring)
        self.register_token_generator("default", _generator())
        self.register_grant(CodeGrant, [RequireS256(required=True)])
        self.register_grant(RefreshGrant)
        self.register_endpoint(_Revocation)
        self.register_extension(_Issuer(issuer))
        self.protect = ResourceProtector()
        self.protect.register_token_validator(_Bearer(realm=issuer))

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        """The request under way, as seen from outside; an OAuth2Request stays what it is."""
        if isinstance(request, OAuth2Request):
            return request
        return _PublicRequest(current_request, self.issuer)

    @contextmanager
    def transaction(self, address: str = "", write: bool = True) -> Iterator[GrantStore]:
        """One database transaction for what Authlib does inside; kept also when the answer is an error."""
        database = self._parts.database
        with database.write() if write else database.read() as session:
            # The database's time: a replica's own clock must not decide what was used already.
            now = partial(database.now, session)
            life = self._parts.settings.grant_life
            g.oauth_store = GrantStore(session, now, self._successors, address, life)
            try:
                yield g.oauth_store
            finally:
                del g.oauth_store


class _Revocation(RevocationEndpoint):
    """Open to public clients: what they revoke is their own (RFC 7009 §5)."""

    CLIENT_AUTH_METHODS: ClassVar = list(grants.AUTH_METHODS)

    def authenticate_token(self, request: Any, client: OAuthClient) -> IssuedToken | None:
        """The client's own token, found by its value; another's is answered like an unknown one.

        A hint would only save a search, so an unknown one changes nothing (RFC 7009 §2.1).
        """
        token = store().find_token(request.form["token"])
        return token if token and token.check_client(client) else None

    def revoke_token(self, token: IssuedToken, request: Any) -> None:
        """End it."""
        store().revoke_token(token)


class _Bearer(BearerTokenValidator):
    """Access tokens only: a refresh token opens nothing (RFC 6749 §1.5)."""

    def authenticate_token(self, token_string: str) -> IssuedToken | None:
        """The access token of a person who may still sign in."""
        token = store().find_token(token_string)
        if token is None or token.kind != grants.ACCESS:
            return None
        return token if store().find_person(token.user_id) else None


class _PublicRequest(FlaskOAuth2Request):
    # Behind a proxy that ends TLS our own address is plain http, which Authlib refuses.
    def __init__(self, request: Request, issuer: str) -> None:
        OAuth2Request.__init__(self, request.method, issuer + request.full_path, headers=request.headers)
        self._request = request
        self.payload = _Payload(request)


class _Payload(FlaskOAuth2Payload):
    # A parameter has one place: the body of a token request, the query of an authorization request.
    @property
    def data(self) -> "MultiDict[str, str]":
        request: Request = self._request
        return request.args if request.path == "/oauth/authorize" else request.form


class _Issuer(IssuerParameter):
    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def get_issuer(self) -> str:
        return self._issuer


def _query_client(client_id: str) -> OAuthClient | None:
    return store().find_client(client_id)


def _generator() -> BearerTokenGenerator:
    return BearerTokenGenerator(
        lambda **_: opaque_tokens.new_secret(opaque_tokens.ACCESS_PREFIX),
        lambda **_: opaque_tokens.new_secret(opaque_tokens.REFRESH_PREFIX),
        int(grants.ACCESS_LIFE.total_seconds()),
    )


def _metadata(issuer: str) -> dict[str, Any]:
    """What the server says about itself (RFC 8414 §2)."""
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
