"""Redirect URIs, and the successors of refresh tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import loopback
from app.server import opaque_tokens
from app.server.core import grants
from app.server.core.key_ring import KeyRing, new_key

REGISTERED = "http://127.0.0.1/callback"


@given(st.integers(1, 65535))
def test_rfc8252_7_3_every_port_of_a_loopback_redirect_matches(port: int) -> None:
    assert loopback.same_redirect_uri(f"http://127.0.0.1:{port}/callback", REGISTERED)
    assert loopback.same_redirect_uri(f"http://[::1]:{port}/callback", "http://[::1]/callback")


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:8765/callback/",
        "http://127.0.0.1:8765/callback?x",
        "http://127.0.0.1:8765/Callback",
        "http://127.0.0.1:8765",
        "http://127.0.0.2:8765/callback",
        "http://[::1]:8765/callback",
        "http://localhost:8765/callback",
        "http://127.1:8765/callback",
        "HTTP://127.0.0.1:8765/callback",
        "http://127.0.0.1:8765\n/callback",
        "http://a@127.0.0.1:8765/callback",
    ],
)
def test_rfc9700_4_1_3_everything_else_must_be_exact(uri: str) -> None:
    assert not loopback.same_redirect_uri(uri, REGISTERED)


def test_an_https_redirect_matches_exactly_and_its_port_counts() -> None:
    assert loopback.same_redirect_uri("https://app.example/cb", "https://app.example/cb")
    assert not loopback.same_redirect_uri("https://app.example:444/cb", "https://app.example/cb")


def test_a_successor_follows_from_its_token_and_the_key() -> None:
    ring = KeyRing((new_key(),))
    token = opaque_tokens.new_secret(opaque_tokens.REFRESH_PREFIX)
    first = grants.SuccessorTokens(ring).derive(token)
    assert grants.SuccessorTokens(ring).derive(token) == first
    assert grants.SuccessorTokens(ring).derive(token + "x") != first
    assert grants.SuccessorTokens(KeyRing((new_key(),))).derive(token) != first


def test_a_successor_is_found_after_the_signing_key_was_changed() -> None:
    old, token = new_key(), opaque_tokens.new_secret(opaque_tokens.REFRESH_PREFIX)
    first = grants.SuccessorTokens(KeyRing((old,))).derive(token)
    changed = grants.SuccessorTokens(KeyRing((new_key(), old)))
    assert changed.find(token, opaque_tokens.hash_secret(first)) == first
    assert grants.SuccessorTokens(KeyRing((new_key(),))).find(token, opaque_tokens.hash_secret(first)) is None


def test_secrets_have_256_bits_and_never_repeat() -> None:
    made = {opaque_tokens.new_secret(opaque_tokens.KEY_PREFIX) for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(key) == len("gum_") + 43 for key in made)
