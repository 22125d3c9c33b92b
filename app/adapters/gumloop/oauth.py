"""Gumloop's OAuth endpoints with Authlib's httpx client, as a public client: PKCE S256, no secret.

The endpoints hang under the root of the base URL: /oauth/authorize, /oauth/token, /oauth/revoke.
"""

import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import httpx

from app.adapters.gumloop.errors import ErrorReply, read_error, translate_error, unexpected_body
from app.adapters.http.retry import retry_read
from app.adapters.http.transport import Transport
from app.domain.credentials import Endpoint, Provider
from app.domain.errors import BadReply, Failed, LoginFailed, LoopinError, SessionEnded
from app.domain.gumloop import (
    CLIENT_ID,
    SCOPE,
    AuthorizationRequest,
    GumloopTokens,
    IssuerFacts,
    root_of,
    same_origin,
)
from app.domain.json_text import read_json
from app.domain.secret import Secret
from app.domain.text import clean
from app.oidc.http import authlib_client_class

DISCOVERY_PATIENCE = 5.0
"""Seconds for what is only good to know."""


class AuthlibGumloopOAuth:
    """Authorization request, code exchange, refresh and revocation."""

    def __init__(self, *, timeout: float, user_agent: str) -> None:
        self._transport = Transport(timeout, user_agent)
        self._short = Transport(min(DISCOVERY_PATIENCE, timeout), user_agent)

    def authorization(self, endpoint: Endpoint, redirect_uri: str) -> AuthorizationRequest:
        """Make a fresh request: 256 bits of state, a verifier of 64 bytes (RFC 7636 §4.1)."""
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        client = self._client(endpoint, redirect_uri=redirect_uri, scope=SCOPE, code_challenge_method="S256")
        url, _ = client.create_authorization_url(
            f"{root_of(endpoint.address)}/oauth/authorize", state=state, code_verifier=verifier
        )
        return AuthorizationRequest(url, redirect_uri, state, Secret(verifier))

    async def exchange(self, endpoint: Endpoint, request: AuthorizationRequest, code: str) -> GumloopTokens:
        """Turn the code into tokens (RFC 6749 §4.1.3)."""
        secrets_sent = (request.verifier, Secret(code))
        async with self._client(endpoint) as client, self._transport.exchange(endpoint.address):
            client.register_compliance_hook(
                "access_token_response", lambda r: _check_token_response(r, secrets_sent, _code_refused)
            )
            token = await client.fetch_token(
                _token_url(endpoint),
                grant_type="authorization_code",
                code=code,
                redirect_uri=request.redirect_uri,
                code_verifier=request.verifier.reveal(),
            )
        return _tokens(token)

    async def refresh(self, endpoint: Endpoint, refresh_token: Secret) -> GumloopTokens:
        """Turn the refresh token into new tokens (RFC 6749 §6)."""
        async with self._client(endpoint, token={}) as client, self._transport.exchange(endpoint.address):
            client.register_compliance_hook(
                "refresh_token_response",
                lambda r: _check_token_response(r, (refresh_token,), _refresh_token_refused),
            )
            token = await client.refresh_token(_token_url(endpoint), refresh_token=refresh_token.reveal())
        tokens = _tokens(token)
        # Authlib fills in the old refresh token where the answer has none.
        return tokens._replace(refresh_token=None) if tokens.refresh_token == refresh_token else tokens

    async def revoke(self, endpoint: Endpoint, token: Secret) -> None:
        """End the token (RFC 7009 §2); any 2xx counts, also with an empty body."""
        url = f"{root_of(endpoint.address)}/oauth/revoke"
        async with self._client(endpoint) as client, self._transport.exchange(endpoint.address):
            response = await client.revoke_token(url, token=token.reveal())
        if not response.is_success:
            raise translate_error(response, (token,))

    async def discover(self, endpoint: Endpoint) -> IssuerFacts:
        """Read /.well-known/oauth-authorization-server (RFC 8414), if there is one."""
        document = await self._read_optional(
            endpoint, f"{root_of(endpoint.address)}/.well-known/oauth-authorization-server"
        )
        issuer, userinfo = document.get("issuer"), document.get("userinfo_endpoint")
        return IssuerFacts(
            issuer if isinstance(issuer, str) else "",
            document.get("authorization_response_iss_parameter_supported") is True,
            userinfo if isinstance(userinfo, str) and same_origin(endpoint.address, userinfo) else "",
        )

    async def serves_api(self, endpoint: Endpoint) -> bool:
        """Ask for the models without a credential: 404 means that they are not there."""
        try:
            async with (
                self._short.client(endpoint.address, httpx.AsyncClient) as client,
                self._short.exchange(endpoint.address),
            ):
                return (await client.get(f"{endpoint.address}/models")).status_code != HTTPStatus.NOT_FOUND
        except LoopinError:
            return True

    async def person(self, endpoint: Endpoint, facts: IssuerFacts, access_token: Secret) -> str:
        """The e-mail address or name at the userinfo endpoint, where the server has published one."""
        if not facts.userinfo_url:
            return ""
        bearer = {"Authorization": f"Bearer {access_token.reveal()}"}
        document = await self._read_optional(endpoint, facts.userinfo_url, bearer)
        names = (document.get(name) for name in ("email", "preferred_username", "name", "sub"))
        return clean(next((name for name in names if isinstance(name, str) and name), ""), 200)

    async def _read_optional(
        self, endpoint: Endpoint, url: str, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        async def read_document() -> bytes:
            async with (
                self._short.client(endpoint.address, httpx.AsyncClient) as client,
                self._short.exchange(endpoint.address),
            ):
                response = await client.get(url, headers=headers)
            if not response.is_success:
                raise translate_error(response)
            return response.content

        try:
            body = read_json(await retry_read(read_document, self._short.timeout))
        except (LoopinError, ValueError, httpx.InvalidURL):
            return {}
        return body if isinstance(body, Mapping) else {}

    def _client(self, endpoint: Endpoint, **more: Any) -> Any:
        return self._transport.client(
            endpoint.address,
            authlib_client_class(),
            client_id=CLIENT_ID,
            token_endpoint_auth_method="none",
            revocation_endpoint_auth_method="none",
            **more,
        )


def _token_url(endpoint: Endpoint) -> str:
    return f"{root_of(endpoint.address)}/oauth/token"


def _check_token_response(
    response: httpx.Response,
    secrets_sent: tuple[Secret, ...],
    invalid_grant: Callable[[ErrorReply], LoopinError],
) -> httpx.Response:
    """Pass on a token answer that is one; Authlib would take an error page for an empty token."""
    if not response.is_success:
        reply = read_error(response, secrets_sent)
        raise (
            invalid_grant(reply)
            if reply.code == "invalid_grant"
            else _explain_refusal(translate_error(response, secrets_sent))
        )
    try:
        body = read_json(response.content)
    except ValueError:
        raise unexpected_body(response) from None
    host = response.url.netloc.decode()
    if not isinstance(body, Mapping) or not _is_token(body.get("access_token")):
        raise BadReply(f"{host} answered without an access token", hint="start the sign-in again")
    if not _is_bearer(body) or not _is_lifetime(body.get("expires_in")):
        raise BadReply(f"{host} answered with a token of a kind that is not known", hint="update Loopin")
    return response


def _explain_refusal(error: LoopinError) -> LoopinError:
    """A 401 of the token endpoint means the client (RFC 6749 §5.2), not the person's session."""
    if isinstance(error, SessionEnded):
        return Failed(error.message, hint="the server does not take Loopin as a client")
    return error


def _code_refused(reply: ErrorReply) -> LoopinError:
    because = f": {reply.text}" if reply.text else ""
    return LoginFailed(f"the code is used up, expired or not ours{because}", hint="start the sign-in again")


def _refresh_token_refused(reply: ErrorReply) -> LoopinError:
    words = reply.text or "the server does not know it any more"
    return SessionEnded(words, hint="sign in again", provider=Provider.GUMLOOP)


def _is_token(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()


def _is_bearer(body: Mapping[str, Any]) -> bool:
    kind = body.get("token_type", "Bearer")
    return isinstance(kind, str) and kind.lower() == "bearer" and body.get("expires_at") is None


def _is_lifetime(value: object) -> bool:
    if value is None:
        return True
    if isinstance(value, str):
        return value.isdigit() and len(value) < 10
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9


def _tokens(token: Mapping[str, Any]) -> GumloopTokens:
    refresh, life = token.get("refresh_token"), token.get("expires_in")
    return GumloopTokens(
        Secret(token["access_token"]),
        Secret(refresh) if isinstance(refresh, str) and _is_token(refresh) else None,
        float(life) if life is not None else None,
    )
