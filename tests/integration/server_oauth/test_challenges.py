"""RFC 6750 §3: what a 401 says of the token that was sent, and of one that was not."""

import pytest

from tests.support.oauth import Program, tokens_at
from tests.support.server import AccountServer

ENDPOINTS = {
    "models": ("GET", "/api/v1/models"),
    "teams": ("GET", "/api/v1/teams"),
    "organizations": ("GET", "/api/v1/organizations"),
    "userinfo": ("GET", "/oauth/userinfo"),
    "logout": ("POST", "/auth/logout"),
    "federated": ("POST", "/federated/verify"),
}


def challenge(program: Program, endpoint: str, authorization: str) -> str:
    method, path = ENDPOINTS[endpoint]
    headers = {"Authorization": authorization} if authorization else {}
    answer = program.http.request(method, path, headers=headers, json={} if method == "POST" else None)
    assert answer.status_code == 401, answer.text
    found: str = answer.headers["www-authenticate"]
    assert found.startswith('Bearer realm="')
    return found


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_rfc6750_3_1_without_a_token_no_error_is_named(program: Program, endpoint: str) -> None:
    for authorization in ("", "Bearer", "Basic eDp5", "no-scheme"):
        assert "error" not in challenge(program, endpoint, authorization)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_rfc6750_3_1_a_token_that_does_not_work_is_invalid(
    program: Program, endpoint: str, account_server: AccountServer
) -> None:
    refresh = tokens_at(account_server, account_server.owner)["refresh_token"]
    key = account_server.seed["gumloop"]["api_key"]
    # A key needs the header with its user.
    for token in ("nonsense", "oat_nonsense", refresh, key):
        assert 'error="invalid_token"' in challenge(program, endpoint, f"Bearer {token}")
