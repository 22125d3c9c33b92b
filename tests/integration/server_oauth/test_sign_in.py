"""The server's own sign-in: one cookie, rotated, and never a way to somewhere else."""

import json
from copy import copy

import pytest

from tests.support.databases import ON_BOTH
from tests.support.oauth import Person, person_at, program_at, tokens_at, user_id_of
from tests.support.organizations import Organization
from tests.support.server import AccountServer, csrf_of, own_address, sign_in


def cookies(person: Person) -> dict[str, str]:
    return dict(person.http.cookies)


def test_the_cookie_is_http_only_lax_and_changes_at_sign_in(account_server: AccountServer) -> None:
    with person_at(account_server) as person:
        page = person.http.get("/account/sign-in")
        before = cookies(person)
        form = {
            "csrf_token": csrf_of(page.text),
            "email": account_server.owner[0],
            "password": account_server.owner[1],
        }
        answer = person.http.post("/account/sign-in", data=form)
        header = answer.headers["set-cookie"]
        assert "HttpOnly" in header
        assert "SameSite=Lax" in header
        assert cookies(person) != before
        # The token of the form before sign-in is of no use after it.
        assert person.http.post("/account/keys", data={"csrf_token": form["csrf_token"]}).status_code == 400


def test_a_wrong_password_is_told_and_nobody_is_signed_in(account_server: AccountServer) -> None:
    with person_at(account_server) as person:
        person.http.headers["X-Forwarded-For"] = own_address()
        answer = person.sign_in("nobody@acme.example", "wrong")
        assert answer.status_code == 401
        assert "do not match" in answer.text
        assert person.http.get("/account/keys").status_code == 303


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/auth/login?callback=http://127.0.0.1/x",
        "",
    ],
)
def test_after_signing_in_only_our_own_pages_follow(account_server: AccountServer, place: str) -> None:
    with person_at(account_server) as person:
        assert person.sign_in(*account_server.owner, place=place).headers["location"] == "/account/keys"


def test_too_many_tries_are_told_with_a_time(organization: Organization) -> None:
    with person_at(organization.server) as person:
        person.http.headers["X-Forwarded-For"] = own_address()
        answers = [person.sign_in(organization.owner.email, "wrong") for _ in range(11)]
    assert [answer.status_code for answer in answers[-2:]] == [401, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


@ON_BOTH
def test_signing_out_ends_the_session_on_the_server(account_server: AccountServer) -> None:
    with person_at(account_server, account_server.owner, own=True) as person:
        kept = [copy(cookie) for cookie in person.http.cookies.jar]
        page = person.http.get("/account/keys").text
        person.http.post("/account/sign-out", data={"csrf_token": csrf_of(page)})
        for cookie in kept:
            person.http.cookies.jar.set_cookie(cookie)
        assert person.http.get("/account/keys").status_code == 303


@ON_BOTH
def test_signing_out_everywhere_ends_programs_and_leaves_the_api_key(organization: Organization) -> None:
    server, viewer = organization.server, organization.member("viewer")
    with person_at(server, viewer.login, own=True) as person, program_at(server) as program:
        form = {"csrf_token": csrf_of(person.http.get("/account/keys").text)}
        key = person.http.post("/account/keys", data=form).text.partition('autocomplete="off">')[2]
        key = key.partition("<")[0]
        allowed = [tokens_at(server, viewer.login) for _ in range(2)]
        headers = {"Authorization": f"Bearer {sign_in(server, *viewer.login)}"}
        answer = program.http.post("/auth/logout", json={"everywhere": True}, headers=headers).json()
        assert answer["programs"] == 2
        for tokens in allowed:
            assert not program.works(tokens["access_token"])
            assert program.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
        sent = {"Authorization": f"Bearer {key}", "x-auth-key": user_id_of(server, viewer.email)}
        assert program.http.get("/api/v1/models", headers=sent).status_code == 200
    with server.database() as database:
        query = "SELECT details FROM audit_events WHERE action = 'logout' AND actor_name = ?"
        told = [row[0] for row in database.execute(query, (viewer.email,)).fetchall()]
    [details] = [json.loads(row) if isinstance(row, str) else row for row in told]
    assert details == {"everywhere": True, "sessions": answer["sessions"], "grants": 2}


@ON_BOTH
def test_signing_out_everywhere_and_being_disabled_end_a_browser_at_once(
    organization: Organization,
) -> None:
    server, viewer = organization.server, organization.member("viewer").login
    with person_at(server, viewer, own=True) as person:
        headers = {"Authorization": f"Bearer {sign_in(server, *viewer)}"}
        assert person.http.get("/account/keys").status_code == 200
        answer = person.http.post("/auth/logout", json={"everywhere": True}, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"sessions": 2, "programs": 0})
        assert person.http.get("/account/keys").status_code == 303
    with person_at(server, viewer, own=True) as person:
        assert person.http.get("/account/keys").status_code == 200
        with server.database() as database:
            database.execute("UPDATE users SET disabled_at = '2026-01-01' WHERE email = ?", (viewer[0],))
        assert person.http.get("/account/keys").status_code == 303
