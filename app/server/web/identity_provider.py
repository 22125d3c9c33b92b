"""Client of the team's identity provider: code flow with PKCE (OpenID Connect Core 1.0 §3.1, RFC 7636)."""

from collections.abc import Mapping
from typing import Any

import httpx
from authlib.integrations.base_client import OAuthError
from authlib.oidc.core import CodeIDToken
from joserfc.errors import ClaimError

from app.domain.errors import AccessDenied, BadReply, Failed, TokenRejected, UsageError
from app.domain.event_loop import run_to_end
from app.domain.json_text import read_json
from app.domain.secret import Secret
from app.domain.text import clean
from app.oidc.discovery import Discovery, DiscoveryCache, discover
from app.oidc.http import HEADERS, PATIENCE, Fetcher, authlib_client_class
from app.oidc.url_policy import URLPolicy, check_url
from app.oidc.verifier import Verifier
from app.server.clock import Clock
from app.server.core.provider_sign_in import AuthorizationRequest, subject_of
from app.server.settings import ProviderSettings

SCOPE = "openid email profile"
_AGAIN = "start the sign-in again"
_OPERATOR = "tell the operator of this server"


class IdentityProvider:
    """One OpenID provider. `patience` is in seconds, for each of its responses.

    Raises Unreachable and BadReply for a provider that is down, slow or unreadable, TokenRejected for an ID
    token that is not valid, AccessDenied where it does not accept the code.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        policy: URLPolicy,
        clock: Clock,
        redirect_uri: str,
        patience: float = PATIENCE,
    ) -> None:
        self.settings = settings
        self._redirect_uri = redirect_uri
        self._fetch = Fetcher(policy, patience)
        self._verifier = Verifier(self._fetch)
        self._discovery = DiscoveryCache(self._discover)
        self._clock = clock

    def authorization_url(self, request: AuthorizationRequest) -> str:
        """Where to send the browser."""
        client = authlib_client_class()(
            client_id=self.settings.client_id,
            redirect_uri=self._redirect_uri,
            scope=SCOPE,
            code_challenge_method="S256",
        )
        url, _ = client.create_authorization_url(
            self._endpoint(self._discovery.get(), "authorization_endpoint"),
            state=request.state,
            nonce=request.nonce,
            code_verifier=request.verifier.reveal(),
        )
        return str(url)

    def redeem_code(self, request: AuthorizationRequest, code: str, iss: str | None) -> Mapping[str, Any]:
        """The person's claims. `iss` is the parameter that came with the code (RFC 9207)."""
        discovery = self._discovery.get()
        sends_iss = discovery.document.get("authorization_response_iss_parameter_supported") is True
        if iss != self.settings.issuer and (iss is not None or sends_iss):
            raise TokenRejected(
                f"the answer does not come from {self.settings.host}", hint=_AGAIN, code="wrong_issuer"
            )
        return run_to_end(self._redeem_code(discovery, request, code))

    async def _redeem_code(
        self, discovery: Discovery, request: AuthorizationRequest, code: str
    ) -> Mapping[str, Any]:
        token = await self._exchange(discovery, request, code)
        claims = await self._verify_id_token(token, request.nonce)
        if "email" in claims:
            return claims
        # Where an access token is issued too, the claims may be at the userinfo endpoint (§5.4).
        return await self._read_userinfo(discovery, claims, token)

    async def _discover(self) -> Discovery:
        discovery = await discover(self.settings.issuer, self._fetch)
        # Before it is cached, and before a browser leaves for nothing.
        for name in ("authorization_endpoint", "token_endpoint"):
            self._endpoint(discovery, name)
        return discovery

    async def _exchange(
        self, discovery: Discovery, request: AuthorizationRequest, code: str
    ) -> Mapping[str, Any]:
        url, host = self._endpoint(discovery, "token_endpoint"), self.settings.host
        client = authlib_client_class()(
            client_id=self.settings.client_id,
            client_secret=self._secret(),
            token_endpoint_auth_method=_auth_method(discovery),
            transport=self._fetch.transport,
            timeout=self._fetch.patience,
            trust_env=False,
            headers=HEADERS,
        )
        client.register_compliance_hook("access_token_response", _check_token_response)
        try:
            async with self._fetch.bounded(host), client:
                token: Mapping[str, Any] = await client.fetch_token(
                    url,
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=self._redirect_uri,
                    code_verifier=request.verifier.reveal(),
                )
        except OAuthError as error:
            raise _token_error(host, str(error.error)) from None
        except (ValueError, TypeError, AttributeError) as error:
            raise BadReply(f"{host} answered with something that is not a token", hint=_OPERATOR) from error
        return token

    def _secret(self) -> str:
        # Read each time, so that it can be replaced. The path is not for visitors.
        try:
            return self.settings.secret()
        except (UsageError, Failed) as error:
            raise Failed("this server cannot read its client secret", hint=_OPERATOR) from error

    async def _verify_id_token(self, token: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        settings, value = self.settings, token.get("id_token")
        if not isinstance(value, str) or not value:
            raise BadReply(f"{settings.host} sent no ID token", hint=_OPERATOR)
        try:
            claims = await self._verifier.verify(
                Secret(value), settings.issuer, {settings.client_id}, now=self._clock()
            )
        except TokenRejected as error:
            raise TokenRejected(f"{settings.host}: {error.message}", hint=_AGAIN, code=error.code) from None
        _check_binding(claims, token, nonce, settings)
        return claims

    async def _read_userinfo(
        self, discovery: Discovery, claims: Mapping[str, Any], token: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        access = token.get("access_token")
        if "userinfo_endpoint" not in discovery.document or not isinstance(access, str):
            return claims
        url = self._endpoint(discovery, "userinfo_endpoint")
        userinfo = await self._fetch.document(url, {"Authorization": f"Bearer {access}"})
        # Otherwise another person's response could be substituted (§5.3.2).
        if userinfo.get("sub") != subject_of(claims, self.settings.host):
            raise TokenRejected(
                f"{self.settings.host} spoke of two different people", hint=_AGAIN, code="wrong_subject"
            )
        return {**userinfo, **claims}

    def _endpoint(self, discovery: Discovery, name: str) -> str:
        url = discovery.document.get(name)
        try:
            scheme = check_url(url if isinstance(url, str) else "", self._fetch.policy).scheme
        except UsageError as error:
            raise BadReply(
                f"{self.settings.host} names no {name} that can be used", hint=_OPERATOR
            ) from error
        if self.settings.issuer.startswith("https:") and scheme != "https":
            raise BadReply(f"{self.settings.host} keeps its {name} where https does not protect it")
        return str(url)


def _auth_method(discovery: Discovery) -> str:
    """client_secret_basic unless the provider does not list it (OpenID Connect Discovery 1.0 §3)."""
    listed = discovery.document.get("token_endpoint_auth_methods_supported")
    offered = listed if isinstance(listed, list) else []
    only_post = "client_secret_post" in offered and "client_secret_basic" not in offered
    return "client_secret_post" if only_post else "client_secret_basic"


def _check_token_response(response: httpx.Response) -> httpx.Response:
    """Pass on a JSON object with an answer in it; Authlib would take an error page for an empty token."""
    body = read_json(response.content)
    if not isinstance(body, dict) or not (response.is_success or isinstance(body.get("error"), str)):
        raise ValueError("not a token response")
    return response


def _token_error(host: str, code: str) -> AccessDenied | BadReply:
    if code in {"invalid_client", "unauthorized_client"}:
        return BadReply(f"{host} does not accept this server's client id and secret", hint=_OPERATOR)
    return AccessDenied(f"{host} took back its answer: {clean(code, 60)}", hint=_AGAIN)


def _check_binding(
    claims: Mapping[str, Any], token: Mapping[str, Any], nonce: str, settings: ProviderSettings
) -> None:
    """Nonce, authorized party and access token must belong together (§3.1.3.7, §3.1.3.8)."""
    params = {"nonce": nonce, "client_id": settings.client_id, "access_token": token.get("access_token")}
    # Both algorithms that are accepted hash with SHA-256.
    bound = CodeIDToken(dict(claims), {"alg": "RS256"}, params=params)
    checks = (
        (bound.validate_nonce, "wrong_nonce", "the ID token was made for another sign-in (nonce)"),
        (bound.validate_azp, "wrong_audience", "the ID token was made for another program (azp)"),
        (bound.validate_at_hash, "malformed", "ID token and access token do not belong together (at_hash)"),
    )
    for check, code, sentence in checks:
        try:
            check()
        except (ClaimError, TypeError, ValueError):
            raise TokenRejected(f"{settings.host}: {sentence}", hint=_AGAIN, code=code) from None
