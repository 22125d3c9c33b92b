"""Refresh tokens: each is used once, its successor can be asked for again for ten seconds."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from tests.support.databases import ON_BOTH, ago
from tests.support.oauth import Program, program_at, tokens_at
from tests.support.server import AccountServer, ServerFactory


def rotated_ago(server: AccountServer, token: str, ago: timedelta) -> None:
    """Move the moment of a token's first use into the past."""
    at = (datetime.now(UTC) - ago).strftime("%Y-%m-%d %H:%M:%S.%f")
    with server.database() as database:
        changed = database.execute(
            "UPDATE oauth_tokens SET rotated_at = ? WHERE token_hash = ? AND rotated_at IS NOT NULL",
            (at, sha256(token.encode()).hexdigest()),
        )
        assert changed.rowcount == 1


@pytest.fixture
def tokens(account_server: AccountServer) -> dict[str, str]:
    return tokens_at(account_server, account_server.owner)


@ON_BOTH
def test_rfc6749_6_a_refresh_token_gives_new_tokens(program: Program, tokens: dict[str, str]) -> None:
    fresh = program.refresh(tokens["refresh_token"]).json()
    assert fresh["access_token"] != tokens["access_token"]
    assert fresh["refresh_token"] != tokens["refresh_token"]
    assert (fresh["expires_in"], fresh["scope"]) == (3600, "gumloop_api userinfo")
    assert program.works(fresh["access_token"])
    assert program.refresh(fresh["refresh_token"]).status_code == 200


@ON_BOTH
def test_a_repeat_within_ten_seconds_gets_the_same_successor(
    program: Program, tokens: dict[str, str], account_server: AccountServer
) -> None:
    first = program.refresh(tokens["refresh_token"]).json()
    rotated_ago(account_server, tokens["refresh_token"], timedelta(seconds=9))
    again = program.refresh(tokens["refresh_token"]).json()
    assert again["refresh_token"] == first["refresh_token"]
    assert again["access_token"] != first["access_token"]
    assert program.works(again["access_token"])
    assert program.refresh(again["refresh_token"]).status_code == 200


@ON_BOTH
def test_rfc9700_4_14_2_reuse_after_ten_seconds_ends_the_family(
    program: Program, tokens: dict[str, str], account_server: AccountServer
) -> None:
    fresh = program.refresh(tokens["refresh_token"]).json()
    rotated_ago(account_server, tokens["refresh_token"], timedelta(seconds=10.1))
    answer = program.refresh(tokens["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert program.refresh(fresh["refresh_token"]).json()["error"] == "invalid_grant"
    assert not program.works(fresh["access_token"])
    with account_server.database() as database:
        (last,) = database.execute("SELECT action FROM audit_events ORDER BY id DESC LIMIT 1").fetchone()
    assert last == "oauth.replay"


def test_reuse_ends_one_family_and_no_other(
    program: Program, tokens: dict[str, str], account_server: AccountServer
) -> None:
    other = tokens_at(account_server, account_server.owner)
    program.refresh(tokens["refresh_token"])
    rotated_ago(account_server, tokens["refresh_token"], timedelta(minutes=1))
    program.refresh(tokens["refresh_token"])
    assert program.works(other["access_token"])
    assert program.refresh(other["refresh_token"]).status_code == 200


def test_twenty_refreshes_at_once_agree_on_one_successor(
    tokens: dict[str, str], account_server: AccountServer
) -> None:
    def refresh(_: int) -> tuple[int, str, str]:
        with program_at(account_server) as program:
            answer = program.refresh(tokens["refresh_token"])
        return answer.status_code, answer.json().get("refresh_token"), answer.json().get("access_token")

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(refresh, range(20)))
    assert {status for status, _, _ in answers} == {200}
    assert len({successor for _, successor, _ in answers}) == 1
    assert len({access for _, _, access in answers}) == 20
    with account_server.database() as database:
        (count,) = database.execute(
            "SELECT count(*) FROM oauth_tokens WHERE kind = 'refresh' AND grant_id ="
            " (SELECT grant_id FROM oauth_tokens WHERE token_hash = ?)",
            (sha256(tokens["refresh_token"].encode()).hexdigest(),),
        ).fetchone()
    assert count == 2


def test_a_successor_is_the_same_after_a_restart(fresh_server: ServerFactory) -> None:
    server = fresh_server()
    tokens = tokens_at(server, server.owner)
    with program_at(server) as program:
        first = program.refresh(tokens["refresh_token"]).json()
    server.stop()
    server = fresh_server(data=server.data)
    rotated_ago(server, tokens["refresh_token"], timedelta(seconds=1))
    with program_at(server) as program:
        again = program.refresh(tokens["refresh_token"]).json()
    assert again["refresh_token"] == first["refresh_token"]


def test_rfc6749_6_a_narrower_scope_is_given_and_a_wider_one_refused(
    program: Program, account_server: AccountServer
) -> None:
    tokens = tokens_at(account_server, account_server.owner)
    narrow = program.refresh(tokens["refresh_token"], scope="userinfo").json()
    assert narrow["scope"] == "userinfo"
    # The refresh token itself keeps what was agreed to.
    assert program.refresh(narrow["refresh_token"]).json()["scope"] == "gumloop_api userinfo"
    small = tokens_at(account_server, account_server.owner, scope="userinfo")
    answer = program.refresh(small["refresh_token"], scope="gumloop_api")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("kind", ["access_token", "unknown"])
def test_only_a_refresh_token_refreshes(program: Program, tokens: dict[str, str], kind: str) -> None:
    answer = program.refresh(tokens.get(kind, "ort_unknown"))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_refresh_token_opens_nothing_itself(program: Program, tokens: dict[str, str]) -> None:
    assert not program.works(tokens["refresh_token"])


@ON_BOTH
def test_an_access_token_ends_after_an_hour(
    program: Program, tokens: dict[str, str], account_server: AccountServer
) -> None:
    with account_server.database() as database:
        database.execute(
            "UPDATE oauth_tokens SET expires_at = ? WHERE token_hash = ?",
            (ago(timedelta(seconds=1)), sha256(tokens["access_token"].encode()).hexdigest()),
        )
    assert not program.works(tokens["access_token"])
    assert program.refresh(tokens["refresh_token"]).status_code == 200
