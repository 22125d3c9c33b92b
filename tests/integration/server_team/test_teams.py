"""Gumloop teams and their keys: `loopin server team`."""

import json

import pytest

from app.cli import exit_codes
from tests.integration.server_team.conftest import Operate
from tests.support.databases import ON_BOTH
from tests.support.http_client import http_client
from tests.support.oauth import user_id_of
from tests.support.organizations import Member, Organization

pytestmark = [ON_BOTH, pytest.mark.slow]


def teams_with(organization: Organization, person: Member, key: str, team: str) -> tuple[int, list[str]]:
    """What the API answers to a team's key: the status and the names of the teams."""
    headers = {"Authorization": f"Bearer {key}", "x-auth-key": user_id_of(organization.server, person.email)}
    with http_client(organization.server.http) as client:
        answer = client.get("/api/v1/teams", headers=headers, params={"team_id": team})
    return answer.status_code, [row["name"] for row in answer.json().get("teams", [])]


def test_a_team_is_added_and_listed(organization: Organization, operate: Operate) -> None:
    server, name = organization.server, organization.name
    said = operate(server, "team", "list", "--org", name).works().out
    assert "There is none. Add one with: loopin server team add NAME --org ORG" in said
    said = operate(server, "team", "add", "ops", "--org", name).works().out
    assert f"Added team ops to {name}. For its API key: loopin server team key ops --org {name} --d" in said
    made = operate(server, "team", "add", "growth", "--org", name, "--json").works().json
    assert (made["organization"], made["name"], len(made["id"])) == (name, "growth", 36)
    rows = operate(server, "team", "list", "--org", name, "--json").works().json
    assert [(row["organization"], row["name"], row["key"]) for row in rows] == [
        (name, "growth", None),
        (name, "ops", None),
    ]
    assert rows[0]["id"] == made["id"]
    assert set(rows[0]) == {"id", "organization", "name", "createdAt", "key"}
    text = operate(server, "team", "list").works().out
    assert [line.split()[1:3] for line in text.splitlines() if name in line] == [
        ["growth", "none"],
        ["ops", "none"],
    ]
    trail = operate(server, "audit", "--json", "--org", name, "--action", "team.add").works().json
    assert [(row["actor"]["kind"], row["target"]["name"]) for row in trail] == [
        ("operator", "ops"),
        ("operator", "growth"),
    ]


def test_a_key_is_shown_once_works_and_ends_the_one_before(
    organization: Organization, operate: Operate
) -> None:
    server, name, viewer = organization.server, organization.name, organization.member("viewer")
    team = operate(server, "team", "add", "ops", "--org", name, "--json").works().json["id"]
    first = operate(server, "team", "key", "ops", "--org", name).works()
    assert first.out.startswith("gum_"), "nothing but the key is on standard output"
    assert len(first.out.split()) == 1
    assert "it is not shown again" in first.err
    key = first.out.strip()
    assert key not in first.err
    assert teams_with(organization, viewer, key, team) == (200, ["ops"])
    second = operate(server, "team", "key", "ops", "--org", name, "--json").works().json
    assert (second["organization"], second["team"], second["replaced"]) == (name, "ops", True)
    assert teams_with(organization, viewer, key, team)[0] == 401
    assert teams_with(organization, viewer, second["key"], team) == (200, ["ops"])
    [row] = operate(server, "team", "list", "--org", name, "--json").works().json
    assert row["key"]["hint"] == second["key"][-4:]
    assert row["key"]["lastUsedAt"]
    assert f" {second['key'][-4:]} " in operate(server, "team", "list", "--org", name).works().out


def test_nothing_of_a_key_but_its_end_is_kept(organization: Organization, operate: Operate) -> None:
    server, name = organization.server, organization.name
    operate(server, "team", "add", "ops", "--org", name).works()
    key = operate(server, "team", "key", "ops", "--org", name).works().out.strip()
    trail = operate(server, "audit", "--json", "--org", name, "--action", "api_key.create").works().json
    assert [row["details"] for row in trail] == [{"hint": key[-4:]}]
    with server.database() as database:
        assert not [line for line in database.iterdump() if key[4:-4] in line]
    assert key[4:-4] not in server.errors
    assert key[4:-4] not in json.dumps(operate(server, "team", "list", "--json").works().json)


def test_what_cannot_be_done_is_refused_in_a_sentence(organization: Organization, operate: Operate) -> None:
    server, name = organization.server, organization.name
    operate(server, "team", "add", "ops", "--org", name).works()
    operate(server, "team", "add", "ops", "--org", name).fails(
        exit_codes.FAILED, f"{name} has a team ops already"
    )
    operate(server, "team", "add", "Ops", "--org", name).fails(exit_codes.USAGE, "cannot be a name")
    operate(server, "team", "add", "ops", "--org", "nowhere").fails(
        exit_codes.FAILED, "no organization 'nowhere'"
    )
    operate(server, "team", "add", "ops").fails(exit_codes.USAGE, "--org")
    operate(server, "team", "key", "ops", "--org", "nowhere").fails(
        exit_codes.FAILED, "no organization 'nowhere'"
    )
    operate(server, "team", "list", "--org", "nowhere").fails(exit_codes.FAILED, "no organization 'nowhere'")
    told = operate(server, "team", "key", "sales", "--org", name)
    told.fails(
        exit_codes.FAILED, f"there is no team 'sales' in {name}", f"loopin server team list --org {name}"
    )
    assert told.out == ""
