"""Revocation (RFC 7009) and the check of bearer tokens (RFC 6750)."""

# mypy: allow-subclassing-any
# Authlib carries no types.

from typing import Any, ClassVar

from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint

from app.server.database.oauth_models import OAuthClient
from app.server.oauth import rules
from app.server.oauth.grants import store
from app.server.oauth.issued import IssuedToken


class Revocation(RevocationEndpoint):
    """Open to public clients: what they revoke is their own (RFC 7009 §5)."""

    CLIENT_AUTH_METHODS: ClassVar = list(rules.AUTH_METHODS)

    def authenticate_token(self, request: Any, client: OAuthClient) -> IssuedToken | None:
        """The client's own token, found by its value; another's is answered like an unknown one.

        A hint would only save a search, so an unknown one changes nothing (RFC 7009 §2.1).
        """
        token = store().find_token(request.form["token"])
        return token if token and token.check_client(client) else None

    def revoke_token(self, token: IssuedToken, request: Any) -> None:
        """End it."""
        store().revoke(token)


class Bearer(BearerTokenValidator):
    """Access tokens only: a refresh token opens nothing (RFC 6749 §1.5)."""

    def authenticate_token(self, token_string: str) -> IssuedToken | None:
        """The access token of a person who may still sign in."""
        token = store().find_token(token_string)
        if token is None or token.kind != rules.ACCESS:
            return None
        return token if store().person(token.user_id) else None
