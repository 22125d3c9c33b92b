"""Revocation (RFC 7009), introspection (RFC 7662) and the check of bearer tokens (RFC 6750)."""

# mypy: allow-subclassing-any
# Authlib carries no types.

from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from app.server.database.oauth_models import OAuthClient
from app.server.oauth import rules
from app.server.oauth.grants import store
from app.server.oauth.issued import IssuedToken


def _check_token(request: Any) -> None:
    # Hints only save a search that we do not make; an unknown one changes nothing (RFC 7009 §2.1).
    if not request.form.get("token"):
        raise InvalidRequestError("Missing 'token' in request.")


class Revocation(RevocationEndpoint):
    """Open to public clients: what they revoke is their own (RFC 7009 §5)."""

    CLIENT_AUTH_METHODS: ClassVar = list(rules.AUTH_METHODS)

    def check_params(self, request: Any, client: OAuthClient) -> None:
        """Only the token is needed."""
        _check_token(request)

    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:
        """The token, found by its value."""
        return store().find_token(token_string)

    def authenticate_token(self, request: Any, client: OAuthClient) -> IssuedToken | None:
        """The client's own token; another's is answered like an unknown one and nothing happens."""
        self.check_params(request, client)
        token = self.query_token(request.form["token"], None)
        return token if token and token.check_client(client) else None

    def revoke_token(self, token: IssuedToken, request: Any) -> None:
        """End it."""
        store().revoke(token)


class Introspection(IntrospectionEndpoint):
    """For confidential clients only (RFC 7662 §2.1)."""

    CLIENT_AUTH_METHODS: ClassVar = list(rules.CONFIDENTIAL_METHODS)

    def __init__(self, issuer: str) -> None:
        super().__init__()
        self._issuer = issuer

    def check_params(self, request: Any, client: OAuthClient) -> None:
        """Only the token is needed."""
        _check_token(request)

    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:
        """The token, found by its value."""
        return store().find_token(token_string)

    def check_permission(self, token: IssuedToken, client: OAuthClient, request: Any) -> bool:
        """Nothing of a person who may not sign in any more."""
        return store().person(token.user_id) is not None

    def introspect_token(self, token: IssuedToken) -> dict[str, Any]:
        """What RFC 7662 §2.2 names and we know."""
        person = store().person(token.user_id)
        return {
            "active": True,
            "scope": token.scope,
            "client_id": token.client_id,
            "username": person.email if person else "",
            "token_type": "Bearer" if token.kind == rules.ACCESS else "refresh_token",
            "exp": int(token.expires_at.timestamp()),
            "iat": int(token.created_at.timestamp()),
            "sub": str(token.user_id),
            "iss": self._issuer,
        }


class Bearer(BearerTokenValidator):
    """Access tokens only: a refresh token opens nothing (RFC 6749 §1.5)."""

    def authenticate_token(self, token_string: str) -> IssuedToken | None:
        """The access token of a person who may still sign in."""
        token = store().find_token(token_string)
        if token is None or token.kind != rules.ACCESS:
            return None
        return token if store().person(token.user_id) else None
