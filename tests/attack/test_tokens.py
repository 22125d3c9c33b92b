"""JSON Web Tokens that are forged, bent or borrowed (RFC 8725), at both doors of the real server."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest

from tests.attack.wire import call
from tests.support.claims import FromNow, with_times
from tests.support.server import AccountServer

pytestmark = pytest.mark.slow

CURRENT = "/controlplane.v1.ContextService/Current"
FAR = 4_000_000_000


@pytest.fixture(scope="module")
def channel(target: AccountServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(target.grpc, [("grpc.enable_http_proxy", 0)]) as made:
        yield made


@pytest.fixture(scope="module")
def key(target: AccountServer) -> dict[str, Any]:
    """The server's own key: with it only the claims can be wrong."""
    keys = json.loads((target.data / "signing-keys.json").read_text())["keys"]
    found: dict[str, Any] = keys[0]
    return found


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read(token: str, number: int) -> dict[str, Any]:
    text = token.split(".")[number]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def sign(header: dict[str, Any], claims: dict[str, Any], secret: bytes, how: str = "sha256") -> str:
    body = f"{part(header)}.{part(claims)}"
    return f"{body}.{part(hmac.digest(secret, body.encode(), how))}"


def secret_of(key: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64decode(key["k"] + "=" * (-len(key["k"]) % 4))


def refused(target: AccountServer, channel: grpc.Channel, token: str) -> None:
    """Not taken over gRPC, nor over HTTP, and never a failure."""
    assert call(channel, CURRENT, b"", [("authorization", f"Bearer {token}")])[0] == "UNAUTHENTICATED"
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{target.http}/auth/logout", headers=headers, trust_env=False)
    assert answer.status_code == 401


def test_the_forger_of_these_tests_can_make_a_good_one(
    channel: grpc.Channel, bearer: str, key: dict[str, Any]
) -> None:
    """Else the refusals below would prove nothing."""
    made = sign(read(bearer, 0), read(bearer, 1), secret_of(key))
    assert made == bearer
    assert call(channel, CURRENT, b"", [("authorization", f"Bearer {made}")]) == ("OK", "")


HEADERS: dict[str, dict[str, Any]] = {
    "rfc8725_3_1 none": {"alg": "none"},
    "rfc8725_3_1 none in other letters": {"alg": "nOnE"},
    "rfc8725_3_1 no algorithm": {"alg": None},
    "rfc8725_3_1 a list of algorithms": {"alg": ["HS256"]},
    "rfc8725_3_1 RS256 with a shared secret": {"alg": "RS256"},
    "rfc7515_4_1_11 critical and unknown": {"crit": ["exp"], "exp": FAR},
    "rfc7515_4_1_11 critical and not there": {"crit": ["nothing"]},
    "rfc7515_4_1_11 critical and empty": {"crit": []},
    "rfc7797_6 not encoded": {"b64": False, "crit": ["b64"]},
    "rfc7515_4_1_4 no key id": {"kid": None},
    "rfc8725_3_10 a path as key id": {"kid": "../../../../dev/null"},
    "rfc8725_3_10 SQL as key id": {"kid": "' UNION SELECT '' --"},
    "rfc8725_3_10 a number as key id": {"kid": 0},
    "rfc8725_3_10 a list as key id": {"kid": []},
    "rfc8725_3_10 a very long key id": {"kid": "a" * 4000},
}


@pytest.mark.parametrize("name", HEADERS)
def test_rfc8725_3_a_bent_header_opens_nothing(
    target: AccountServer, channel: grpc.Channel, bearer: str, key: dict[str, Any], name: str
) -> None:
    """With the right key, with an empty one and without a signature."""
    header = {k: v for k, v in (read(bearer, 0) | HEADERS[name]).items() if v is not None}
    for secret in (secret_of(key), b""):
        refused(target, channel, sign(header, read(bearer, 1), secret))
    refused(target, channel, f"{part(header)}.{bearer.split('.')[1]}.")


@pytest.mark.parametrize("where", ["jwk", "jku", "x5u", "x5c"])
def test_rfc8725_3_10_a_key_that_the_token_brings_itself_is_not_used(
    target: AccountServer, channel: grpc.Channel, bearer: str, where: str
) -> None:
    own = b"chosen-by-the-attacker-32-bytes!"
    jwk = {"kty": "oct", "k": part(own), "kid": "mine"}
    brought = {"jwk": jwk, "jku": f"{target.http}/openapi.json", "x5u": f"{target.http}/", "x5c": ["AA=="]}
    for kid in (read(bearer, 0)["kid"], "mine"):
        header = {"alg": "HS256", "typ": "JWT", "kid": kid, where: brought[where]}
        refused(target, channel, sign(header, read(bearer, 1), own))


@pytest.mark.parametrize("how", ["sha384", "sha512"])
def test_rfc8725_3_1_another_hash_with_the_right_key_is_refused(
    target: AccountServer, channel: grpc.Channel, bearer: str, key: dict[str, Any], how: str
) -> None:
    header = read(bearer, 0) | {"alg": how.replace("sha", "HS")}
    refused(target, channel, sign(header, read(bearer, 1), secret_of(key), how))


CLAIMS: dict[str, dict[str, Any]] = {
    "rfc8725_3_8 another issuer": {"iss": "somebody-else"},
    "rfc8725_3_9 another audience": {"aud": "other"},
    "rfc8725_3_9 both audiences": {"aud": ["user-auth.chainloop", "api-token-auth.chainloop"]},
    "rfc8725_3_9 a person's token as an API token": {"aud": "api-token-auth.chainloop"},
    "rfc8725_3_9 a federated audience": {"aud": "chainloop"},
    "rfc7519_4_1_4 ended": {"exp": 1},
    "rfc7519_4_1_4 ended a second ago": {"exp": FromNow(-1)},
    "rfc7519_4_1_4 no end": {"exp": None},
    "rfc7519_4_1_4 an end that is none": {"exp": "4000000000"},
    "rfc7519_4_1_4 an end beyond every calendar": {"exp": "x" * 10},
    "rfc7519_4_1_5 not yet": {"nbf": FAR},
    "rfc7519_4_1_7 another session": {"jti": "00000000-0000-0000-0000-000000000000"},
    "rfc7519_4_1_7 no session": {"jti": None},
    "rfc7519_4_1_7 a session that is none": {"jti": {"$ne": ""}},
    "rfc8725_2_8 another person": {"user_id": "00000000-0000-0000-0000-000000000000"},
}


@pytest.mark.parametrize("name", CLAIMS)
def test_rfc8725_3_a_good_signature_over_wrong_claims_opens_nothing(
    target: AccountServer, channel: grpc.Channel, bearer: str, key: dict[str, Any], name: str
) -> None:
    claims = {k: v for k, v in with_times(read(bearer, 1) | CLAIMS[name]).items() if v is not None}
    refused(target, channel, sign(read(bearer, 0), claims, secret_of(key)))


SHAPES: dict[str, str] = {
    "rfc7515_7_1 one part": "e30",
    "rfc7515_7_1 two parts": "e30.e30",
    "rfc7515_7_1 four parts": "e30.e30.e30.e30",
    "rfc7516_3_1 encrypted": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0....",
    "rfc7515_7_2 as JSON": '{"payload":"e30","signatures":[]}',
    "rfc8725_3_4 nested without end": part(b'{"alg":"HS256","a":' + b"[" * 3000) + ".e30.e30",
    "rfc8725_3_4 a header that is a list": part([]) + ".e30.e30",
    "rfc8725_3_4 a header that is no text": part(b"\xff\xfe") + ".e30.e30",
    "rfc8725_3_4 a number without end": part(b'{"alg":"HS256","kid":' + b"9" * 5000 + b"}") + ".e30.e30",
    "rfc6750_2_1 very long": "a" * 16_000,
}


@pytest.mark.parametrize("name", SHAPES)
def test_rfc8725_3_4_what_is_no_token_is_refused(
    target: AccountServer, channel: grpc.Channel, name: str
) -> None:
    refused(target, channel, SHAPES[name])


def test_rfc8725_2_8_tokens_of_one_kind_open_no_door_of_another(
    target: AccountServer, channel: grpc.Channel, bearer: str
) -> None:
    """A person's token is none for the read API, an API token signs nobody out."""
    headers = {"Authorization": f"Bearer {bearer}"}
    assert httpx.get(f"{target.http}/api/v1/teams", headers=headers, trust_env=False).status_code == 401
    assert httpx.get(f"{target.http}/oauth/userinfo", headers=headers, trust_env=False).status_code == 401
    headers = {"Authorization": f"Bearer {target.seed['api_token']['jwt']}"}
    assert httpx.post(f"{target.http}/auth/logout", headers=headers, trust_env=False).status_code == 401


def test_rfc8725_3_5_the_key_has_as_many_bits_as_the_hash(key: dict[str, Any]) -> None:
    assert len(secret_of(key)) >= hashlib.sha256().digest_size
