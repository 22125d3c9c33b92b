"""The key ring of a server, and the tokens that it signs."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from app.domain.errors import Failed, NotSignedIn, SessionEnded
from app.server.core import key_ring, token_signing
from app.server.core.key_ring import KeyRing, load_or_create, new_key
from app.server.core.token_signing import PERSON_AUDIENCE, TOKEN_AUDIENCE, APITokenClaims, TokenSigner

NOW = datetime(2026, 3, 10, 12, 4, 31, tzinfo=UTC)


def test_keys_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    ring = load_or_create(tmp_path / "new")
    path = tmp_path / "new" / key_ring.FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create(tmp_path / "new").signing.raw_value == ring.signing.raw_value
    assert [p.name for p in path.parent.iterdir()] == [key_ring.FILE_NAME]
    assert ring.derive("a") != ring.derive("b") != (ring.signing.raw_value,)


def test_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    (tmp_path / key_ring.FILE_NAME).chmod(0o644)
    with pytest.raises(Failed, match="can be read by others"):
        load_or_create(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "MDEyMzQ1Njc4OWFiY2RlZg"}]}']
)
def test_keys_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / key_ring.FILE_NAME
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Failed):
        load_or_create(tmp_path)


def tokens_of(*ring: OctKey) -> TokenSigner:
    return TokenSigner(KeyRing(ring), lambda: NOW)


def test_a_new_key_signs_and_the_old_one_still_verifies() -> None:
    old, new = new_key(), new_key()
    before = tokens_of(old).sign_session_token(uuid4(), uuid4(), NOW + timedelta(hours=1))
    assert tokens_of(new, old).verify_token(before).audience == PERSON_AUDIENCE
    after = tokens_of(new, old).sign_session_token(uuid4(), uuid4(), NOW + timedelta(hours=1))
    assert tokens_of(new).verify_token(after).audience == PERSON_AUDIENCE
    with pytest.raises(NotSignedIn, match="Token is invalid"):
        tokens_of(new).verify_token(before)


def test_a_token_of_a_replica_whose_clock_is_ahead_is_good() -> None:
    key = new_key()
    ahead = TokenSigner(KeyRing((key,)), lambda: NOW + timedelta(minutes=5))
    token = ahead.sign_session_token(uuid4(), uuid4(), NOW + timedelta(hours=1))
    assert tokens_of(key).verify_token(token).audience == PERSON_AUDIENCE


def test_a_token_without_an_end_stays_good_and_a_persons_needs_one() -> None:
    key, id = new_key(), uuid4()
    subject = APITokenClaims(id, "ci", (uuid4(), "acme"), None, None)
    verified = tokens_of(key).verify_token(tokens_of(key).sign_api_token(subject))
    assert (verified.audience, verified.id) == (TOKEN_AUDIENCE, id)
    claims = {"aud": PERSON_AUDIENCE, "user_id": str(id), "jti": str(id)}
    with pytest.raises(NotSignedIn):
        tokens_of(key).verify_token(jwt.encode({"alg": "HS256", "kid": key.kid}, claims, key))


def test_an_end_that_is_reached_is_told_apart() -> None:
    key = new_key()
    with pytest.raises(SessionEnded, match="JWT token has expired"):
        tokens_of(key).verify_token(
            tokens_of(key).sign_session_token(uuid4(), uuid4(), NOW - timedelta(seconds=1))
        )


def test_what_was_verified_before_ends_with_its_key_and_with_its_time() -> None:
    """The signature of a token that comes again is not computed again; all else is."""
    now, old, new = [NOW], new_key(), new_key()
    ring = KeyRing((old,))
    signer = TokenSigner(ring, lambda: now[0])
    session = signer.sign_session_token(uuid4(), uuid4(), NOW + timedelta(hours=1))
    token = signer.sign_api_token(APITokenClaims(uuid4(), "ci", (uuid4(), "acme"), None, None))
    for _ in range(2):
        assert signer.verify_token(session).audience == PERSON_AUDIENCE
        assert signer.verify_token(token).audience == TOKEN_AUDIENCE
    now[0] += timedelta(hours=2)
    with pytest.raises(SessionEnded, match="JWT token has expired"):
        signer.verify_token(session)
    ring.keys = (new, old)
    assert signer.verify_token(token).audience == TOKEN_AUDIENCE
    ring.keys = (new,)
    for _ in range(2):
        with pytest.raises(NotSignedIn, match="Token is invalid"):
            signer.verify_token(token)


def test_only_so_many_verified_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_signing, "_MAX_DECODED", 3)
    signer = tokens_of(new_key())
    for _ in range(10):
        signer.verify_token(signer.sign_session_token(uuid4(), uuid4(), NOW + timedelta(hours=1)))
    assert len(signer._decoded) <= 3


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "other"},
        {"aud": [PERSON_AUDIENCE, TOKEN_AUDIENCE]},
        {"aud": None},
        {"jti": "x"},
        {"jti": 7},
        {"user_id": None},
        {"exp": "soon"},
        {"exp": 1e400},
        {"nbf": NOW.timestamp() + 3600},
    ],
)
def test_claims_that_are_not_ours_are_invalid(changed: dict[str, object]) -> None:
    key, id = new_key(), str(uuid4())
    claims = {"aud": PERSON_AUDIENCE, "user_id": id, "jti": id, "exp": int(NOW.timestamp()) + 60}
    assert tokens_of(key).verify_token(jwt.encode({"alg": "HS256", "kid": key.kid}, dict(claims), key))
    with pytest.raises(NotSignedIn):
        tokens_of(key).verify_token(jwt.encode({"alg": "HS256", "kid": key.kid}, claims | changed, key))


def test_another_algorithm_is_refused_even_with_the_right_key() -> None:
    key, id = new_key(), str(uuid4())
    claims = {"aud": PERSON_AUDIENCE, "user_id": id, "jti": id, "exp": int(NOW.timestamp()) + 60}
    stronger = OctKey.import_key(key.raw_value)
    signed = jwt.encode({"alg": "HS512", "kid": key.kid}, claims, stronger, algorithms=["HS512"])
    with pytest.raises(NotSignedIn, match="Token is invalid"):
        tokens_of(key).verify_token(signed)


@given(position=st.integers(0, 10_000), char=st.characters(codec="ascii"))
def test_no_changed_character_gets_through(position: int, char: str) -> None:
    key = new_key()
    good = tokens_of(key).sign_session_token(uuid4(), uuid4(), NOW + timedelta(hours=1))
    at = position % len(good)
    # The last character of a part carries spare bits, so some changes there mean the same bytes.
    if good[at] == char or at == len(good) - 1:
        return
    with pytest.raises(NotSignedIn):
        tokens_of(key).verify_token(good[:at] + char + good[at + 1 :])
