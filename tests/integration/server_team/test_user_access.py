"""What is open in a person's name: the operator lists it, and ends one or all of it."""

import pytest

from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from tests.integration.server.callers import Caller, refusal
from tests.integration.server_team.conftest import Operate
from tests.support.databases import ON_BOTH
from tests.support.http_client import http_client
from tests.support.oauth import add_team, person_at, program_at, tokens_at, user_id_of
from tests.support.organizations import Member, Organization
from tests.support.server import csrf_of, sign_in

pytestmark = [ON_BOTH, pytest.mark.slow]
OK = ("OK", "")
NOT_THERE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def vera(organization: Organization) -> Member:
    """An admin with everything: two sessions, two programs, two keys, two API tokens."""
    return organization.member("admin")


def make_key(organization: Organization, person: Member, team: str = "") -> str:
    """A key of the person, or of a team; their browser signs out again."""
    with person_at(organization.server, person.login, own=True) as browser:
        token = csrf_of(browser.http.get("/account/keys").text)
        form = {"csrf_token": token} | ({"team": team} if team else {})
        page = browser.http.post("/account/keys", data=form).text
        browser.http.post("/account/sign-out", data={"csrf_token": token})
    return page.partition('autocomplete="off">')[2].partition("<")[0]


def key_works(organization: Organization, person: Member, key: str) -> bool:
    headers = {"Authorization": f"Bearer {key}", "x-auth-key": user_id_of(organization.server, person.email)}
    with http_client(organization.server.http) as client:
        return client.get("/api/v1/models", headers=headers).status_code == 200


def acts(organization: Organization, action: str) -> list[tuple[str, str, str]]:
    with organization.server.database() as database:
        rows = database.execute(
            "SELECT actor_kind, target_id, target_name FROM audit_events WHERE action = ? ORDER BY id",
            (action,),
        ).fetchall()
    return [(kind, str(id).replace("-", ""), name) for kind, id, name in rows]


def test_sessions_are_listed_and_ended_one_by_one_or_all(
    organization: Organization, operate: Operate, vera: Member
) -> None:
    server = organization.server
    bearers = [sign_in(server, *vera.login) for _ in range(3)]
    listed = operate(server, "user", "sessions", vera.email, "--json").works().json
    assert len(listed) == 3
    assert set(listed[0]) == {"id", "address", "createdAt", "expiresAt"}
    assert listed[0]["address"] in operate(server, "user", "sessions", vera.email).works().out
    newest = listed[0]["id"]
    ended = operate(server, "user", "sessions", vera.email, "--end", newest, "--json").works().json
    assert (ended["sessions"], ended["programs"], ended["keys"]) == (1, 0, 0)
    works = [refusal(Caller(server, bearer).current) == OK for bearer in bearers]
    assert works == [True, True, False]
    assert acts(organization, "session.end")[-1] == ("operator", newest.replace("-", ""), vera.email)
    operate(server, "user", "sessions", vera.email, "--end", newest).fails(1, "has none with the ID")
    assert "2 sessions ended." in operate(server, "user", "sessions", vera.email, "--end-all").works().out
    assert [refusal(Caller(server, bearer).current) == OK for bearer in bearers] == [False] * 3
    assert "No session is open." in operate(server, "user", "sessions", vera.email).works().out
    assert "Nothing ended." in operate(server, "user", "sessions", vera.email, "--end-all").works().out


def test_a_session_of_somebody_else_is_not_ended(
    organization: Organization, operate: Operate, vera: Member
) -> None:
    server = organization.server
    other = organization.member("viewer")
    bearer = sign_in(server, *other.login)
    [theirs] = operate(server, "user", "sessions", other.email, "--json").works().json
    operate(server, "user", "sessions", vera.email, "--end", theirs["id"]).fails(1, "has none with the ID")
    assert refusal(Caller(server, bearer).current) == OK


def test_programs_are_listed_and_ended_one_by_one_or_all(
    organization: Organization, operate: Operate, vera: Member
) -> None:
    server = organization.server
    first, second, third = (tokens_at(server, vera.login) for _ in range(3))
    listed = operate(server, "user", "grants", vera.email, "--json").works().json
    assert [row["program"] for row in listed] == ["Gumloop CLI"] * 3
    assert "Gumloop CLI" in operate(server, "user", "grants", vera.email).works().out
    operate(server, "user", "grants", vera.email, "--end", listed[0]["id"]).works()
    assert acts(organization, "oauth.end")[-1] == (
        "operator",
        listed[0]["id"].replace("-", ""),
        "gumloop_cli",
    )
    with program_at(server) as program:
        assert program.refresh(third["refresh_token"]).json()["error"] == "invalid_grant"
        assert not program.works(third["access_token"])
        assert program.works(first["access_token"])
        operate(server, "user", "grants", vera.email, "--end-all").works()
        assert not any(program.works(tokens["access_token"]) for tokens in (first, second))
        assert program.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert operate(server, "user", "grants", vera.email, "--json").works().json == []


def test_keys_are_listed_without_showing_them_and_deleted(
    organization: Organization, operate: Operate, vera: Member
) -> None:
    server = organization.server
    team = add_team(organization, "research")
    own, teams = make_key(organization, vera), make_key(organization, vera, team)
    said = operate(server, "user", "keys", vera.email).works().out
    assert own[-4:] in said
    assert f"team research in {organization.name}" in said
    assert own not in said
    assert teams not in said
    operate(server, "user", "keys", vera.email, "--delete", team).works()
    assert (key_works(organization, vera, own), key_works(organization, vera, teams)) == (True, False)
    assert acts(organization, "api_key.delete")[-1] == ("operator", team.replace("-", ""), "research")
    operate(server, "user", "keys", vera.email, "--delete-all").works()
    assert not key_works(organization, vera, own)


def test_a_person_is_shown_with_the_api_tokens_that_outlive_them(
    organization: Organization, operate: Operate, vera: Member
) -> None:
    server, other = organization.server, organization.member("viewer")
    caller = Caller(server, sign_in(server, *vera.login))
    caller.create("lives", project_reference=IdentityReference(name="web"))
    gone = caller.create("gone")
    caller.revoke(gone.item.id)
    tokens_at(server, vera.login)
    operate(server, "user", "disable", vera.email).works()
    shown = operate(server, "user", "show", vera.email, "--json").works().json
    assert (shown["email"], shown["hasPassword"], shown["apiTokens"]) == (vera.email, True, 1)
    assert shown["disabledAt"]
    assert (shown["sessions"], shown["programs"], shown["keys"]) == ([], [], [])
    [token] = shown["createdApiTokens"]
    assert (token["name"], token["organization"], token["project"]) == ("lives", organization.name, "web")
    text = operate(server, "user", "show", vera.email).works().out
    assert "disabled since" in text
    assert "1 created API token" in text
    assert "lives" in text
    people = {row["email"]: row for row in operate(server, "user", "list", "--json").works().json}
    assert people[vera.email]["apiTokens"] == 1
    assert people[other.email]["apiTokens"] == 0


def test_what_makes_no_sense_is_refused_in_a_sentence(
    organization: Organization, operate: Operate, vera: Member
) -> None:
    server = organization.server
    for command, verb in (("sessions", "end"), ("grants", "end"), ("keys", "delete")):
        operate(server, "user", command, "x@y.example").fails(1, "nobody here")
        operate(server, "user", command, "x@y.example", f"--{verb}-all").fails(1, "nobody here")
        operate(server, "user", command, vera.email, f"--{verb}", "x").fails(2)
        operate(server, "user", command, vera.email, f"--{verb}", NOT_THERE).fails(1, "has none with the ID")
        both = (f"--{verb}", NOT_THERE, f"--{verb}-all")
        operate(server, "user", command, vera.email, *both).fails(2, "exclude each other")
    operate(server, "user", "show", "x@y.example").fails(1, "nobody here")
