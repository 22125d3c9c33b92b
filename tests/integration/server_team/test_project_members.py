"""Who has which role in a project: `loopin server project member`, and what the audit trail says of it."""

from typing import Any

import pytest

from app.cli import exit_codes
from tests.integration.server_team.conftest import Operate
from tests.support.databases import ON_BOTH
from tests.support.organizations import Organization

MEMBER = ("project", "member")


@pytest.fixture
def leo(organization: Organization) -> str:
    """The e-mail address of a member without a role in any project."""
    return organization.add_member(f"leo@{organization.name}.example", "member").email


def at(organization: Organization, project: str = "web") -> tuple[str, ...]:
    """The options that name a project."""
    return "--org", organization.name, "--project", project


def events(operate: Operate, organization: Organization) -> list[dict[str, Any]]:
    """What the trail says of the organization's members, in order."""
    found = operate(organization.server, "audit", "--json").works().json
    return [
        event for event in found if event["organization"] == organization.name and "member" in event["action"]
    ]


@ON_BOTH
def test_a_role_is_given_changed_listed_and_taken_away(
    organization: Organization, operate: Operate, leo: str
) -> None:
    server, name, web = organization.server, organization.name, at(organization)
    said = operate(server, *MEMBER, "add", leo, *web, "--role", "viewer").works().out
    assert said == f"{leo} is viewer of the project web in {name}.\n"
    said = operate(server, *MEMBER, "add", leo, *web, "--role", "admin").works().out
    assert said == f"{leo} is admin of the project web in {name}, was viewer.\n"
    shown = operate(server, *MEMBER, "list", "--org", name).works().out
    assert shown.splitlines()[0].split() == ["ORGANIZATION", "PROJECT", "EMAIL", "ROLE", "ADDED", "(UTC)"]
    assert shown.splitlines()[1].split()[:4] == [name, "web", leo, "admin"]
    said = operate(server, *MEMBER, "remove", leo, *web).works().out
    assert said == f"{leo} has no role in the project web of {name} any more.\n"
    said = operate(server, *MEMBER, "list", "--org", name).works().out
    assert "There is none. Add one with: loopin server project member add EMAIL" in said


@ON_BOTH
def test_json_says_the_same(organization: Organization, operate: Operate, leo: str) -> None:
    server, name = organization.server, organization.name
    where = {"organization": name, "project": "web"}
    made = operate(server, *MEMBER, "add", leo, *at(organization), "--role", "viewer", "--json")
    assert made.works().json == {"email": leo, **where, "role": "viewer", "before": None}
    changed = operate(server, *MEMBER, "add", leo, *at(organization), "--role", "admin", "--json")
    assert changed.works().json["before"] == "viewer"
    operate(server, *MEMBER, "add", leo, *at(organization, "ml"), "--role", "viewer").works()
    every = operate(server, *MEMBER, "list", "--org", name, "--json").works().json
    assert [(row["project"], row["email"], row["role"]) for row in every] == [
        ("ml", leo, "viewer"),
        ("web", leo, "admin"),
    ]
    (row,) = operate(server, *MEMBER, "list", *at(organization), "--json").works().json
    assert set(row) == {"email", "organization", "project", "role", "createdAt", "updatedAt"}
    assert row["createdAt"] <= row["updatedAt"]
    gone = operate(server, *MEMBER, "remove", leo, *at(organization), "--json").works().json
    assert gone == {"email": leo, **where, "removed": True}
    assert operate(server, *MEMBER, "list", *at(organization), "--json").works().json == []


@ON_BOTH
def test_the_trail_has_each_change_with_the_role_of_before(
    organization: Organization, operate: Operate, leo: str
) -> None:
    server, web, name = organization.server, at(organization), organization.name
    for role in ("viewer", "admin"):
        operate(server, *MEMBER, "add", leo, *web, "--role", role).works()
    operate(server, *MEMBER, "remove", leo, *web).works()
    operate(server, *MEMBER, "add", leo, *web, "--role", "viewer").works()
    said = operate(server, "membership", "set", leo, "--org", name, "--role", "admin").works().out
    assert "Their roles in projects are removed: web.\n" in said
    operate(server, "membership", "set", leo, "--org", name, "--role", "contributor").works()
    operate(server, *MEMBER, "add", leo, *at(organization, "ml"), "--role", "admin").works()
    operate(server, "membership", "remove", leo, "--org", name).works()
    told = events(operate, organization)
    assert {(event["actor"]["kind"], event["target"]["name"]) for event in told} == {("operator", leo)}
    assert [(event["action"], event["details"]) for event in told[1:]] == [
        ("project_member.add", {"project": "web", "role": "viewer", "before": ""}),
        ("project_member.add", {"project": "web", "role": "admin", "before": "viewer"}),
        ("project_member.remove", {"project": "web", "before": "admin"}),
        ("project_member.add", {"project": "web", "role": "viewer", "before": ""}),
        ("membership.set", {"role": "admin", "before": "member", "projects": ["web"]}),
        ("membership.set", {"role": "contributor", "before": "admin"}),
        ("project_member.add", {"project": "ml", "role": "admin", "before": ""}),
        ("membership.remove", {"before": "contributor", "projects": ["ml"]}),
    ]


def test_a_new_member_is_told_what_comes_next(organization: Organization, operate: Operate) -> None:
    server, name = organization.server, organization.name
    mo = organization.add_member(f"mo@{name}.example", "").email
    made = ("membership", "set", mo, "--org", name, "--role")
    said = operate(server, *made, "contributor").works().out
    assert f"Next: loopin server project member add {mo} --org {name} --project PROJECT --role admin" in said
    assert str(server.data) in said, "the next command is for the same server"
    assert "Next:" not in operate(server, *made, "member").works().out
    ended = operate(server, *made, "viewer", "--json").works().json
    assert ended["projectRolesRemoved"] == []


@pytest.mark.parametrize("action", ["add", "remove"])
def test_what_cannot_be_found_is_named_with_the_next_step(
    organization: Organization, operate: Operate, leo: str, action: str
) -> None:
    server, name = organization.server, organization.name
    role = ("--role", "admin") if action == "add" else ()

    def refused(email: str, org: str, project: str, *words: str) -> None:
        place = ("--org", org, "--project", project)
        told = operate(server, *MEMBER, action, email, *place, *role).fails(exit_codes.FAILED, *words)
        assert told.out == ""

    refused(f"nobody@{name}.example", name, "web", "nobody here is called", "loopin server user list")
    refused(leo, "nowhere", "web", "there is no organization 'nowhere'", "loopin server org list")
    refused(leo, name, "nowhere", f"there is no project 'nowhere' in {name}", "project list --org")
    loner = organization.add_member(f"loner@{name}.example", "").email
    refused(loner, name, "web", f"{loner} is not a member of {name}", "loopin server membership set")


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ("owner", "manages the API tokens of every project"),
        ("admin", "manages the API tokens of every project"),
        ("viewer", "sees no API tokens"),
    ],
)
def test_a_role_that_would_change_nothing_is_refused(
    organization: Organization, operate: Operate, role: str, why: str
) -> None:
    server, name = organization.server, organization.name
    email = organization.member(role).email
    add = operate(server, *MEMBER, "add", email, *at(organization), "--role", "admin")
    add.fails(exit_codes.FAILED, f"{email} is {role} of {name} and {why}", "for members and contributors")
    assert operate(server, *MEMBER, "list", "--org", name, "--json").works().json == []


def test_other_slips_are_refused_too(organization: Organization, operate: Operate, leo: str) -> None:
    server, name, web = organization.server, organization.name, at(organization)
    operate(server, *MEMBER, "remove", leo, *web).fails(
        exit_codes.FAILED, f"{leo} has no role in the project web"
    )
    operate(server, *MEMBER, "add", leo, *web, "--role", "owner").fails(exit_codes.USAGE, "'admin', 'viewer'")
    operate(server, *MEMBER, "add", leo, *web).fails(exit_codes.USAGE, "--role")
    operate(server, *MEMBER, "add", *web, "--role", "admin").fails(exit_codes.USAGE, "exactly one EMAIL")
    operate(server, *MEMBER, "list", "--project", "web").fails(exit_codes.USAGE, "name it with --org")
    operate(server, *MEMBER, "list", "--org", name, "--project", "x").fails(
        exit_codes.FAILED, "no project 'x'"
    )
    operate(server, *MEMBER, "list", "--org", "nowhere").fails(exit_codes.FAILED, "no organization")
    # The hidden spelling of the siblings, and a capital letter.
    operate(server, *MEMBER, "add", "--email", leo.upper(), *web, "--role", "admin").works()
    assert operate(server, *MEMBER, "list", *web, "--json").works().json[0]["email"] == leo
