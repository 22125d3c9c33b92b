"""POST /federated/verify: another control plane asks whose token this is."""

import json
from typing import Any

import httpx
import pytest

from tests.integration.keyless.conftest import Trust
from tests.support.databases import ON_BOTH
from tests.support.http_client import http_client
from tests.support.issuer import DISCOVERY, Issuer, github_claims, gitlab_claims
from tests.support.organizations import Organization
from tests.support.server import FEDERATION_SECRET, AccountServer, ServerFactory
from tests.unit.keyless.tokens import raw


def ask(plane: AccountServer, body: Any, secret: str = FEDERATION_SECRET, **more: Any) -> httpx.Response:
    """Send the request."""
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    with http_client(plane.http) as client:
        sent = {"json": body} if not isinstance(body, bytes) else {"content": body}
        return client.post("/federated/verify", headers=headers, **sent, **more)


@ON_BOTH
def test_a_good_token_is_answered_with_whose_it_is(
    plane: AccountServer, organization: Organization, issuer: Issuer, trust: Trust
) -> None:
    """GitLab's project path, GitHub's repository."""
    trust()
    trust(repository="acme/*")
    for token, repository in (
        (issuer.token(), "acme/web"),
        (issuer.token(github_claims(issuer.name)), "acme/shop"),
    ):
        answer = ask(plane, {"token": token.reveal(), "org_name": organization.name})
        assert answer.status_code == 200
        said = answer.json()
        assert (said["issuerUrl"], said["repository"]) == (issuer.name, repository)
        assert (said["orgId"], said["orgName"]) == (str(organization.id), organization.name)
        assert set(said) == {"issuerUrl", "repository", "orgId", "orgName"}
        assert answer.headers["Cache-Control"] == "no-store"


@ON_BOTH
def test_a_rule_for_a_project_names_it(
    plane: AccountServer, organization: Organization, issuer: Issuer, trust: Trust
) -> None:
    """And one for the whole organization goes first."""
    trust(project="web")
    body = {"token": issuer.token().reveal(), "org_name": organization.name}
    assert ask(plane, body).json()["projectName"] == "web"
    trust(ref="main")
    assert "projectName" not in ask(plane, body).json()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "x"}, "wrong_audience"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "no_expiry"),
        ({"nbf": 9_999_999_999}, "not_yet_valid"),
        ({"iss": "https://evil.example"}, "unknown_issuer"),
        ({"project_path": "evil/web"}, "wrong_claims"),
        ({"padding": "x" * 20_000}, "too_large"),
    ],
)
def test_a_bad_token_is_refused_with_its_code(
    organization: Organization, issuer: Issuer, trust: Trust, changes: dict[str, Any], code: str
) -> None:
    """403 and one sentence."""
    trust()
    token = issuer.gitlab(**changes).reveal()
    answer = ask(organization.server, {"token": token, "org_name": organization.name})
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert answer.json()["message"]


def test_what_is_no_token(plane: AccountServer) -> None:
    """Empty and malformed."""
    assert ask(plane, {"token": ""}).json() == {"code": "empty", "message": "the token is empty"}
    assert ask(plane, {"token": "x"}).json() == {"code": "malformed", "message": "this is not a signed JWT"}
    assert ask(plane, {"token": "\u00e4.\u00e4.\u00e4"}).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        {},
        {"token": 5},
        {"token": "x", "org_name": 5},
        {"token": "x", "org_name": "y" * 64},
    ],
)
def test_a_body_that_is_not_the_one_expected(plane: AccountServer, body: Any) -> None:
    """400, never 500."""
    answer = ask(plane, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    "secret", ["", "wrong", FEDERATION_SECRET + "x", FEDERATION_SECRET[:-1], "\u00fc".encode().hex()]
)
def test_without_the_secret_nothing_is_verified(
    plane: AccountServer, issuer: Issuer, trust: Trust, secret: str
) -> None:
    """Nor is the issuer asked."""
    trust()
    answer = ask(plane, {"token": issuer.token().reveal()}, secret)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert ('error="invalid_token"' in answer.headers["WWW-Authenticate"]) == bool(secret)
    assert issuer.asked == []


@ON_BOTH
@pytest.mark.parametrize("text", ["\ud800", "\x00", "' OR 1=1 --", "\u202e"])
def test_texts_that_no_database_takes(plane: AccountServer, issuer: Issuer, trust: Trust, text: str) -> None:
    """As organization and as issuer: unknown, never 500."""
    trust()
    for body in (
        {"token": issuer.token().reveal(), "org_name": text},
        {"token": raw({"alg": "RS256"}, gitlab_claims(text), b"x").reveal()},
    ):
        answer = ask(plane, json.dumps(body).encode())
        assert (answer.status_code, answer.json()["code"]) == (403, "unknown_issuer")


def test_it_is_off_without_the_flag(fresh_server: ServerFactory) -> None:
    """404, whatever secret is sent."""
    answer = ask(fresh_server(seed=""), {"token": "x"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_only_post_is_answered(plane: AccountServer) -> None:
    """A browser that wanders by sees nothing."""
    with http_client(plane.http) as client:
        assert client.get("/federated/verify").status_code == 405


def test_an_issuer_that_is_out_of_order_is_503(plane: AccountServer, issuer: Issuer, trust: Trust) -> None:
    """Not the token's fault."""
    trust()
    issuer.answers[DISCOVERY] = (500, {}, b"")
    answer = ask(plane, {"token": issuer.token().reveal()})
    assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unavailable")
