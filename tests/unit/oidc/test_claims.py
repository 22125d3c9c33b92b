"""Reading a JWT's own words."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.claims import MAX_LENGTH, read_claims
from app.domain.secret import Secret


def token(payload: bytes) -> Secret:
    middle = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    return Secret(f"e30.{middle}.c2ln")


def test_claims_are_read_without_a_key() -> None:
    claims = {"aud": "user-auth.chainloop", "exp": 1, "name": "ü漢"}
    assert read_claims(token(json.dumps(claims).encode())) == claims


@given(st.text(min_size=1))
def test_no_text_breaks_it(text: str) -> None:
    assert isinstance(read_claims(Secret(text)), dict)


@given(st.binary())
def test_no_payload_breaks_it(payload: bytes) -> None:
    assert isinstance(read_claims(token(payload)), dict)


@pytest.mark.parametrize("payload", [b"[1]", b"null", b'"x"', b"[" * 30000, b"{", b"\xff", b"9" * 5000])
def test_what_is_not_a_table_of_claims_is_empty(payload: bytes) -> None:
    assert read_claims(token(payload)) == {}


def test_an_enormous_token_is_not_even_decoded() -> None:
    assert read_claims(token(json.dumps({"x": "y" * MAX_LENGTH}).encode())) == {}
