"""The conversation with a provider that does not keep up its end, and what ties a request to a browser."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import AccessDenied, BadReply, Failed, Refused, Unreachable, UsageError
from app.domain.secret import Secret
from app.oidc.url_policy import server_policy
from app.server.clock import utc_now
from app.server.core.provider_sign_in import AuthorizationRequest
from app.server.settings import ProviderSettings
from app.server.web.identity_provider import IdentityProvider
from tests.support import provider as peers

REDIRECT = "http://127.0.0.1:9/auth/sso/callback"
REQUEST = AuthorizationRequest("state", Secret("cookie"))


@pytest.fixture
def provider() -> Iterator[peers.Provider]:
    """One of the test's own."""
    with peers.running_provider() as running:
        yield running


def client_of(
    peer: peers.Provider, folder: Path, patience: float = 5, development: bool = True
) -> IdentityProvider:
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(peers.SECRET)
    settings = ProviderSettings(peer.url, peers.CLIENT, secret)
    return IdentityProvider(
        settings, server_policy(development=development, private=True), utc_now, REDIRECT, patience
    )


def code_of(peer: peers.Provider, client: IdentityProvider) -> str:
    """What a browser would bring back."""
    location = peer.authorize(dict(parse_qsl(urlsplit(client.authorization_url(REQUEST)).query)))
    return parse_qs(urlsplit(location).query)["code"][0]


@pytest.mark.parametrize("path", [peers.DISCOVERY, peers.TOKEN, peers.KEYS, peers.USERINFO])
def test_a_provider_that_is_slow_is_not_waited_for(
    provider: peers.Provider, tmp_path: Path, path: str
) -> None:
    patient, hasty = client_of(provider, tmp_path), client_of(provider, tmp_path, patience=0.3)
    code = code_of(provider, patient)
    provider.in_userinfo = ("email",)
    provider.held = {path}
    with pytest.raises(Unreachable, match=r"did not answer within 0\.3 s"):
        hasty.redeem_code(REQUEST, code, None)


def test_what_a_provider_says_of_itself_is_remembered(provider: peers.Provider, tmp_path: Path) -> None:
    client = client_of(provider, tmp_path)
    client.redeem_code(REQUEST, code_of(provider, client), None)
    provider.answers = {peers.DISCOVERY: (503, b"")}
    provider.asked.clear()
    claims = client.redeem_code(REQUEST, code_of(provider, client), None)
    assert claims["email"] == provider.person["email"]
    assert peers.DISCOVERY not in provider.asked


def test_a_provider_that_is_out_of_order_is_told(provider: peers.Provider, tmp_path: Path) -> None:
    provider.answers = {peers.DISCOVERY: (503, b"")}
    with pytest.raises(Unreachable, match=r"is out of order: it answered 503"):
        client_of(provider, tmp_path).authorization_url(REQUEST)


def test_a_proof_of_another_request_is_refused(provider: peers.Provider, tmp_path: Path) -> None:
    client = client_of(provider, tmp_path)
    other = AuthorizationRequest("another state", Secret("cookie"))

    with pytest.raises(AccessDenied, match="took back its answer: invalid_grant"):
        client.redeem_code(other, code_of(provider, client), None)


def test_a_wrong_secret_is_told_as_the_operators_matter(provider: peers.Provider, tmp_path: Path) -> None:
    client = client_of(provider, tmp_path)
    code = code_of(provider, client)
    (tmp_path / "secret").write_text("another-secret-not-real")
    with pytest.raises(BadReply, match="does not accept this server's client id and secret") as caught:
        client.redeem_code(REQUEST, code, None)
    assert "another-secret" not in str(caught.value)


def test_a_secret_that_is_gone_is_told_without_its_place(provider: peers.Provider, tmp_path: Path) -> None:
    client = client_of(provider, tmp_path)
    code = code_of(provider, client)
    (tmp_path / "secret").unlink()
    with pytest.raises(Failed, match="this server cannot read its client secret") as caught:
        client.redeem_code(REQUEST, code, None)
    assert str(tmp_path) not in f"{caught.value.message} {caught.value.hint}"


def test_a_public_server_asks_no_plain_address(provider: peers.Provider, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must begin with https"):
        client_of(provider, tmp_path, development=False).authorization_url(REQUEST)


@given(st.text(max_size=300), st.text(max_size=300))
def test_requests_of_different_states_have_nothing_in_common(one: str, other: str) -> None:
    first, second = AuthorizationRequest(one, Secret("cookie")), AuthorizationRequest(other, Secret("cookie"))
    same = one.encode("utf-8", "replace") == other.encode("utf-8", "replace")
    for name in ("key", "nonce", "verifier"):
        assert (getattr(first, name) == getattr(second, name)) == same
    values = {first.key, first.nonce, first.verifier.reveal()}
    assert len(values) == 3
    assert 43 <= len(first.verifier.reveal()) <= 128


def test_a_request_is_worth_nothing_without_its_cookie() -> None:
    assert (
        AuthorizationRequest("state", Secret("mine")).key
        != AuthorizationRequest("state", Secret("yours")).key
    )


def test_a_token_endpoint_inside_a_cloud_is_not_asked(
    provider: peers.Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address policy counts for the code and the client secret, too."""
    provider.document = {"token_endpoint": "https://login.example/token"}
    client = client_of(provider, tmp_path)
    code = code_of(provider, client)

    def resolve(host: str, port: int, *args: object, **more: object) -> list[Any]:
        return [(2, 1, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(Refused, match=r"login\.example is not asked: it is link-local"):
        client.redeem_code(REQUEST, code, None)
