"""The two grants: authorization code with PKCE (RFC 6749 §4.1, RFC 7636) and refresh token (§6)."""

# mypy: allow-subclassing-any
# Authlib carries no types.

from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import g

from app.server import opaque_tokens
from app.server.core.grants import AUTH_METHODS, Consent, GrantStore, IssuedCode, IssuedToken
from app.server.core.principals import Person
from app.server.persistence.models import OAuthClient


def store() -> GrantStore:
    """The store of the request under way; `OAuthServer.transaction` sets it."""
    found: GrantStore = g.oauth_store
    return found


class CodeGrant(grants.AuthorizationCodeGrant):
    """Codes are single-use, live 60 s and are bound to client, redirect URI and verifier."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = list(AUTH_METHODS)

    def generate_authorization_code(self) -> str:
        """256 random bits."""
        return opaque_tokens.new_secret(opaque_tokens.CODE_PREFIX)

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Write down what the person agreed to."""
        redirect_uri = request.payload.redirect_uri or request.client.get_default_redirect_uri()
        challenge = request.payload.data["code_challenge"]
        store().add_consent(
            Consent(request.user, request.client.client_id, request.scope, redirect_uri, challenge), code
        )

    def query_authorization_code(self, code: str, client: OAuthClient) -> IssuedCode | None:
        """The code, if this client may redeem it."""
        return store().find_code(code, client.client_id)

    def delete_authorization_code(self, authorization_code: IssuedCode) -> None:
        """Spent codes stay for a day: a second use has to be recognised."""
        store().spend_code(self.request.form["code"])

    def authenticate_user(self, authorization_code: IssuedCode) -> Person | None:
        """Who agreed, unless disabled since."""
        return store().find_person(authorization_code.user_id)


class RefreshGrant(grants.RefreshTokenGrant):
    """Each refresh token is used once; its successor can be worked out again for a lost answer."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = list(AUTH_METHODS)

    def authenticate_refresh_token(self, refresh_token: str) -> IssuedToken | None:
        """The token, if it may be used now."""
        return store().find_refresh_token(refresh_token)

    def authenticate_user(self, refresh_token: IssuedToken) -> Person | None:
        """Whose it is."""
        return store().find_person(refresh_token.user_id)

    def issue_token(self, user: Person, refresh_token: IssuedToken) -> dict[str, Any]:
        """A new access token and the successor."""
        token: dict[str, Any] = super().issue_token(user, refresh_token)
        successor = store().rotate_refresh_token(refresh_token)
        if successor is None:
            raise InvalidGrantError("The answer to this refresh token can no longer be repeated.")
        return token | {"refresh_token": successor}

    def revoke_old_credential(self, refresh_token: IssuedToken) -> None:
        """Rotation has marked it; it may be repeated for ten seconds."""


class RequireS256(CodeChallenge):
    """S256 and nothing else: a missing method means `plain` (RFC 7636 §4.3), which is refused."""

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse a request without a challenge, or with a method other than S256."""
        data = grant.request.payload.data
        if not data.get("code_challenge"):
            raise InvalidRequestError("A code_challenge is required.")
        if data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("The code_challenge_method must be S256.")
        super().validate_code_challenge(grant, redirect_uri)


def save_token(token: dict[str, Any], request: Any) -> None:
    """Store what a token response is about to hand out."""
    code: IssuedCode | None = request.authorization_code
    if code:
        store().add_first_tokens(code.grant_id, token)
    else:
        store().add_access_token(request.refresh_token.grant_id, token)
