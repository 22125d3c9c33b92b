"""Which ID tokens are valid, and which sentence each refusal has."""

import base64
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from app.domain.errors import LoopinError, TokenRejected
from app.domain.secret import Secret
from app.oidc import verifier
from app.oidc.verifier import Verifier
from tests.support.claims import FromNow
from tests.support.issuer import Issuer, gitlab_claims, rsa_key
from tests.support.published import Published
from tests.unit.keyless.tokens import forged_hs256, raw

URL = "https://gitlab.example"
EC = ECKey.generate_key("P-256", {"kid": "ec-0"})
FAR = 4_102_444_800
"""The year 2100."""


def signed(key: RSAKey | ECKey | None = None, header: dict[str, Any] | None = None, **changes: Any) -> Secret:
    """A token of the issuer at URL."""
    return Issuer(URL, key=key or rsa_key(0)).token(gitlab_claims(URL, **changes), header=header)


async def verified(token: Secret, *published: RSAKey | ECKey, issuer: str = URL) -> dict[str, Any]:
    """Verify now, against the given keys (the first RSA key unless named)."""
    verifier = Verifier(Published(URL, list(published) or [rsa_key(0)]))
    return dict(await verifier.verify(token, issuer, now=datetime.now(UTC)))


async def refusal(token: Secret, *published: RSAKey | ECKey, issuer: str = URL) -> TokenRejected:
    """Why it is refused."""
    with pytest.raises(TokenRejected) as caught:
        await verified(token, *published, issuer=issuer)
    assert caught.value.hint or caught.value.code == "too_large"
    return caught.value


async def test_a_good_token_gives_its_claims() -> None:
    """RS256 and ES256, one audience or several."""
    assert (await verified(signed()))["project_path"] == "acme/web"
    assert (await verified(signed(EC), EC))["ref"] == "main"
    assert await verified(signed(aud=["other", "chainloop"]))
    assert await verified(signed(header={"kid": None}))


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"aud": "other"}, "wrong_audience", 'is for "other", not for chainloop'),
        ({"aud": []}, "wrong_audience", "is for [], not for chainloop"),
        ({"aud": None}, "missing_claim", "does not say aud"),
        (
            {"iss": "https://evil.example"},
            "wrong_issuer",
            "by https://evil.example, not by https://gitlab.example",
        ),
        ({"iss": f"{URL}/"}, "wrong_issuer", "not by https://gitlab.example"),
        ({"iss": None}, "no_issuer", "does not say who issued it"),
        ({"exp": FromNow(-61)}, "expired", "the token ended at 20"),
        ({"exp": None}, "no_expiry", "does not say when it ends"),
        ({"exp": "tomorrow"}, "malformed", "the token's exp cannot be read"),
        ({"exp": True}, "malformed", "the token's exp cannot be read"),
        ({"nbf": FromNow(900)}, "not_yet_valid", "is not valid yet: it begins at 20"),
        ({"iat": FromNow(900)}, "not_yet_valid", "is not valid yet"),
        ({"nbf": "soon"}, "malformed", "the token's nbf cannot be read"),
    ],
)
async def test_a_claim_that_is_wrong_has_its_own_sentence(
    changes: dict[str, Any], code: str, said: str
) -> None:
    """One bad claim at a time."""
    claims = {k: v for k, v in (gitlab_claims(URL) | changes).items() if v is not None}
    error = await refusal(Issuer(URL).token(claims))
    assert (error.code, said in error.message) == (code, True), error.message


async def test_sixty_seconds_of_skew_are_allowed_and_not_more() -> None:
    """Both ends of the life."""
    assert await verified(signed(exp=FromNow(-50), nbf=FromNow(50)))
    assert (await refusal(signed(exp=FromNow(-70)))).code == "expired"
    assert (await refusal(signed(nbf=FromNow(70)))).code == "not_yet_valid"


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE"])
async def test_a_token_without_a_signature_is_refused(name: str) -> None:
    """RFC 8725 §3.2."""
    error = await refusal(raw({"alg": name, "kid": "rsa-0"}, gitlab_claims(URL)))
    assert "the token is not signed (alg none)" in error.message


async def test_the_public_key_is_never_taken_for_a_shared_secret() -> None:
    """RFC 8725 §2.1: HS256 with the published key as its secret."""
    error = await refusal(forged_hs256(gitlab_claims(URL), rsa_key(0)))
    assert error.message == "the token is signed with HS256; only RS256 and ES256 are accepted"


@pytest.mark.parametrize("algorithm", ["RS512", "PS256", "ES384", "EdDSA"])
async def test_other_algorithms_are_refused_by_name(algorithm: str) -> None:
    """Even from the right issuer."""
    error = await refusal(raw({"alg": algorithm, "kid": "rsa-0"}, gitlab_claims(URL), b"x" * 256))
    assert error.code == "algorithm"
    assert algorithm in error.message


async def test_a_key_that_is_not_published_is_refused() -> None:
    """Another key id; the same id with another key; a key brought along in the header (RFC 8725 §3.10)."""
    assert (await refusal(signed(rsa_key(1)))).code == "unknown_key"
    assert (await refusal(signed(rsa_key(1), {"kid": "rsa-0"}))).code == "bad_signature"
    brought = signed(rsa_key(1), {"kid": "rsa-0", "jwk": rsa_key(1).as_dict(private=False)})
    assert (await refusal(brought)).code == "bad_signature"


async def test_without_a_key_id_there_must_be_one_key_only() -> None:
    """Nobody tries keys one after the other."""
    error = await refusal(signed(header={"kid": None}), rsa_key(0), rsa_key(1))
    assert "one clear key" in error.message


async def test_a_key_signs_only_with_its_own_kind_of_algorithm() -> None:
    """An EC key under the id that an RS256 token names is not used."""
    impostor = ECKey.import_key(EC.as_dict(private=True) | {"kid": "rsa-0"})
    assert (await refusal(signed(), impostor)).code == "unknown_key"


def test_small_huge_foreign_and_broken_keys_are_not_used() -> None:
    """A 1024-bit key, one of a million bits, another curve, one for encryption, nonsense."""
    good: dict[str, Any] = dict(rsa_key(0).as_dict(private=False))
    small = {"kty": "RSA", "n": "wA" * 85 + "w", "e": "AQAB"}
    bad: list[dict[str, Any]] = [
        small,
        good | {"n": "A" * 200_000},
        good | {"n": "!!"},
        good | {"n": 5},
        good | {"use": "enc"},
        good | {"alg": "RS512"},
        {"kty": "oct", "k": "AAAA"},
        {},
    ]
    assert [verifier.find_key([key], "RS256", None) for key in bad] == [None] * len(bad)
    wide = ECKey.generate_key("P-384").as_dict(private=False)
    assert verifier.find_key([wide], "ES256", None) is None
    assert verifier.find_key([good], "RS256", None) is not None


@pytest.mark.parametrize(
    "value",
    [
        "x",
        "a.b",
        "a.b.c.d.e",
        "..",
        "a.b.c",
        "\u00e4.\u00f6.\u00fc",
        "e30.e30.",
        "bnVsbA.bnVsbA.AA",
        "W10.W10.AA",
    ],
)
async def test_what_is_no_token_is_refused(value: str) -> None:
    """Malformed in every place."""
    assert (await refusal(Secret(value))).code in {"malformed", "algorithm"}


async def test_size_and_depth_are_limited() -> None:
    """16 KiB, and brackets nested by the thousand."""
    error = await refusal(signed(padding="x" * 20_000))
    assert error.code == "too_large"
    assert "at most 16384" in error.message
    deep = base64.urlsafe_b64encode(b"[" * 9000).rstrip(b"=").decode()
    head = signed().reveal().partition(".")[0]
    assert (await refusal(Secret(f"{head}.{deep}.AA"))).code == "malformed"


async def test_a_refusal_says_nothing_of_the_token_and_cannot_move_the_cursor() -> None:
    """Hostile claims are shown as text."""
    token = signed(iss="https://x\x1b[31m\u202e" + "y" * 400)
    error = await refusal(token)
    assert "\x1b" not in error.message
    assert "\u202e" not in error.message
    assert len(error.message) < 300
    assert token.reveal() not in f"{error!r}{error.hint}"


@cache
def _unmutated(kind: str) -> str:
    """A token that is accepted; made by the first example, and its end is far away."""
    token = signed(rsa_key(0) if kind == "RS256" else EC, exp=FAR)
    _check(token, rsa_key(0) if kind == "RS256" else EC)
    return token.reveal()


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(["RS256", "ES256"]), st.data())
def test_no_mutation_is_ever_accepted(kind: str, data: st.DataObject) -> None:
    """Change, drop, add or swap characters or segments: refused with a sentence, never a crash."""
    token = _unmutated(kind)
    mutated = data.draw(_mutations(token).filter(lambda value: value != token and value))
    key = rsa_key(0) if kind == "RS256" else EC
    with pytest.raises(LoopinError):
        _check(Secret(mutated), key)


def _check(token: Secret, key: RSAKey | ECKey) -> None:
    outline = verifier.inspect_token(token)
    found = verifier.find_key([key.as_dict(private=False)], outline.algorithm, outline.kid)
    if found is None:
        raise TokenRejected("no key")
    verifier.check_token(token, found, URL, ("chainloop",), datetime.now(UTC))


def _mutations(token: str) -> st.SearchStrategy[str]:
    at = st.integers(0, len(token) - 1)
    text = st.text("ABCDwxyz0189-_.=+/ \n\u00e4", max_size=4)
    spliced = st.tuples(at, st.integers(0, 3), text).map(
        lambda x: token[: x[0]] + x[2] + token[x[0] + x[1] :]
    )
    segments = token.split(".")
    shuffled = st.lists(st.sampled_from([*segments, "", "e30"]), min_size=1, max_size=4).map(".".join)
    flipped = st.tuples(
        at, st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    ).map(lambda x: token[: x[0]] + x[1] + token[x[0] + 1 :])
    return st.one_of(spliced, shuffled, flipped, st.just(token + "="), st.just(token + "\n"))


_NONSENSE = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["exp", "nbf", "iat", "aud", "iss"]), _NONSENSE, min_size=1))
def test_signed_nonsense_in_the_claims_never_crashes(changes: dict[str, Any]) -> None:
    """The issuer itself may be broken: whatever it signs is accepted or refused, never anything else."""
    token = Secret(jwt.encode({"alg": "RS256"}, gitlab_claims(URL) | changes, rsa_key(0)))
    with suppress(TokenRejected):
        verifier.inspect_token(token)
        verifier.check_token(token, rsa_key(0), URL, ("chainloop",), datetime.now(UTC))
