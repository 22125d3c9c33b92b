"""What a server may be told, whose address counts, and the ring of keys."""

import stat
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from app.domain.errors import Failed, NotSignedIn, SessionEnded, UsageError
from app.domain.loopback import is_loopback_host
from app.server.core import key_ring
from app.server.core.key_ring import KeyRing, load_or_create, new_key
from app.server.core.token_signing import PERSON_AUDIENCE, TOKEN_AUDIENCE, APITokenClaims, TokenSigner
from app.server.request_headers import client_address, counted_network
from app.server.rpc.interceptor import address_of
from app.server.settings import ServerSettings, parse_networks

NOW = datetime(2026, 3, 10, 12, 4, 31, tzinfo=UTC)
PUBLIC = "https://accounts.example"
PROXY = parse_networks(("10.0.0.0/8", "fd00::/8"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]"])
def test_loopback_needs_no_public_address(tmp_path: Path, host: str) -> None:
    assert is_loopback_host(host)
    ServerSettings(tmp_path, host=host).check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "accounts.example", ""])
def test_any_other_host_needs_one(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError, match="public address"):
        ServerSettings(tmp_path, host=host).check()
    ServerSettings(tmp_path, host=host, public_url=PUBLIC, trusted_proxies=PROXY).check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "accounts.example"])
def test_other_machines_reach_it_under_tls_or_through_a_named_proxy(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError, match="without TLS") as caught:
        ServerSettings(tmp_path, host=host, public_url=PUBLIC).check()
    assert "--tls-cert" in caught.value.hint
    assert "--trusted-proxy" in caught.value.hint
    ServerSettings(tmp_path, host=host, public_url=PUBLIC, trusted_proxies=PROXY).check()
    pem = tmp_path / "pem"
    ServerSettings(tmp_path, host=host, public_url=PUBLIC, tls_cert=pem, tls_key=pem).check()


def test_a_plain_public_url_for_other_machines_needs_a_named_proxy(tmp_path: Path) -> None:
    plain, pem = "http://accounts.example", tmp_path / "pem"
    for settings in (
        ServerSettings(tmp_path, public_url=plain),
        ServerSettings(tmp_path, public_url=plain, tls_cert=pem, tls_key=pem),
    ):
        with pytest.raises(UsageError, match="plain http"):
            settings.check()
    ServerSettings(tmp_path, public_url=plain, trusted_proxies=PROXY).check()
    for here in ("http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:8080"):
        ServerSettings(tmp_path, public_url=here).check()


@pytest.mark.parametrize(
    "url",
    [
        "x",
        "ftp://a.example",
        "https://",
        "https://a.example:0",
        "https://a.example:x",
        "https://u:p@a.example",
        "HTTPS://a.example",
        "https://a.example?",
        "https://a.example#",
        "https://a.exam\nple",
        "https://a.example\\b",
        "https://a b.example",
    ],
)
def test_a_public_address_is_a_web_address(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError):
        ServerSettings(tmp_path, public_url=url).check()


@pytest.mark.parametrize("path", ["/loopin", "/loopin/", "//loopin", "/a/b", "/;x"])
def test_a_public_address_has_no_path(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="has a path"):
        ServerSettings(tmp_path, public_url=PUBLIC + path).check()
    for root in (PUBLIC, f"{PUBLIC}/", "https://[2001:db8::1]:8443"):
        ServerSettings(tmp_path, public_url=root, dashboard_url=f"{PUBLIC}/loopin").check()


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", "6.6.6.6", "192.0.2.1"),
        ("10.0.0.1", "6.6.6.6", "6.6.6.6"),
        ("10.0.0.1", "7.7.7.7, 6.6.6.6, 10.0.0.2", "6.6.6.6"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("fd00::1", "10.1.1.1", "10.1.1.1"),
        ("", "6.6.6.6", ""),
        ("10.0.0.1", "6.6.6.6:51000", "6.6.6.6"),
        ("10.0.0.1", "6.6.6.6, 10.0.0.2:443", "6.6.6.6"),
        ("10.0.0.1", "[2001:db8::1]:51000", "2001:db8::1"),
        ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.1", "6.6.6.6, [fd00::2]:443", "6.6.6.6"),
        ("10.0.0.1", "[::ffff:6.6.6.6]:51000", "6.6.6.6"),
        ("10.0.0.1", "2001:db8::1%\x00eth0", "2001:db8::1"),
        ("10.0.0.1", "6.6.6.6:x", "10.0.0.1"),
        ("10.0.0.1", "[6.6.6.6]]:1", "10.0.0.1"),
        ("10.0.0.1", "[]:1", "10.0.0.1"),
    ],
)
def test_the_address_is_read_up_to_the_first_that_is_no_proxy(
    peer: str, forwarded: str, expected: str
) -> None:
    assert client_address(peer, forwarded, PROXY) == expected
    assert ip_network("10.0.0.0/8") in PROXY


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 100, "x" * 64),
    ],
)
def test_a_limit_counts_an_ipv4_address_or_an_ipv6_network(address: str, counted: str) -> None:
    assert counted_network(address) == counted


@pytest.mark.parametrize(
    ("peer", "address"),
    [("ipv4:127.0.0.1:5000", "127.0.0.1"), ("ipv6:%5B::1%5D:5000", "::1"), ("unix:", "")],
)
def test_grpc_names_of_peers_are_read(peer: str, address: str) -> None:
    assert address_of(peer) == address


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


def several(folder: Path, workers: int, connections: int = 48, *, stdin: bool = False) -> ServerSettings:
    """So many workers on PostgreSQL."""
    return ServerSettings(
        folder,
        database_url="postgresql://loopin@db.example/loopin",
        signing_key_file=folder / "ring",
        database_connections=connections,
        workers=workers,
        control_stdin=stdin,
    )


def test_several_workers_need_postgresql(tmp_path: Path) -> None:
    assert several(tmp_path, 2).check()
    with pytest.raises(UsageError, match="SQLite has one writer"):
        ServerSettings(tmp_path, workers=2).check()


@pytest.mark.parametrize(
    ("workers", "connections", "stdin", "message"),
    [
        (0, 48, False, "1 to 64 workers"),
        (65, 480, False, "1 to 64 workers"),
        (2, 3, False, "at least 4 connections"),
        (2, 48, True, "--control-stdin is for one worker"),
    ],
)
def test_workers_that_cannot_work_are_refused(
    tmp_path: Path, workers: int, connections: int, stdin: bool, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        several(tmp_path, workers, connections, stdin=stdin).check()


@pytest.mark.parametrize(("workers", "share"), [(1, 16), (2, 8), (3, 5), (32, 1)])
def test_limits_are_totals(tmp_path: Path, workers: int, share: int) -> None:
    assert several(tmp_path, workers, 100).share(16) == share
