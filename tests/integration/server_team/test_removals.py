"""People, organizations and projects are removed for good: what was shown ends, and the trail says so."""

from collections.abc import Callable
from typing import Any

import pytest

from app.cli import exit_codes, server_remove
from app.domain.errors import NotFound, Refused
from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from app.server.clock import utc_now
from app.server.core.projects import Projects
from app.server.core.removal import Removal
from tests.integration.server.callers import Caller, refusal
from tests.integration.server_team.conftest import Operate
from tests.integration.server_team.test_teams import teams_with
from tests.integration.server_team.test_user_access import key_works, make_key
from tests.support.databases import ON_BOTH
from tests.support.oauth import program_at, tokens_at
from tests.support.organizations import OPERATOR, Organization
from tests.support.server import sign_in

pytestmark = [ON_BOTH, pytest.mark.slow]
OK = ("OK", "")
WEB = IdentityReference(name="web")
Answer = Callable[[Callable[[str], str]], None]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """A person at the terminal, who answers the question."""

    def say(given: Callable[[str], str]) -> None:
        monkeypatch.setattr(server_remove, "can_ask", lambda: True)
        monkeypatch.setattr(server_remove, "ask", given)

    return say


@pytest.fixture
def filled(organization: Organization, operate: Operate) -> Organization:
    """An owner, an admin, a member with a project role; tokens, a team with a key, two trusted issuers."""
    server, name = organization.server, organization.name
    owner = Caller(server, organization.owner.bearer)
    owner.create("ci-global")
    owner.create("ci-web", project_reference=WEB)
    owner.revoke(owner.create("ci-old", project_reference=WEB).item.id)
    for role in ("admin", "member"):
        organization.member(role)
    operate(server, "team", "add", "ops", "--org", name).works()
    operate(server, "team", "key", "ops", "--org", name).works()
    trust = ("issuer", "add", "--org", name, "--url", "https://ci.example", "--no-check", "--claim")
    operate(server, *trust, "sub=a").works()
    operate(server, *trust, "sub=b", "--project", "web").works()
    return organization


def trail(operate: Operate, organization: Organization, since: int = 0) -> list[tuple[str, str, Any]]:
    """What operators did in the organization, as (action, target, details)."""
    found = operate(organization.server, "audit", "--json", "--org", organization.name).works().json
    acts = [row for row in found if row["actor"]["kind"] == "operator"][since:]
    return [(row["action"], row["target"]["name"], row["details"]) for row in acts]


def test_a_person_ends_with_all_that_is_theirs_alone(filled: Organization, operate: Operate) -> None:
    server, name, mo = filled.server, filled.name, filled.member("member")
    bearer = sign_in(server, *mo.login)
    Caller(server, bearer).create("made-by-mo", project_reference=WEB)
    tokens = tokens_at(server, mo.login)
    key = make_key(filled, mo)
    assert key_works(filled, mo, key)
    sessions = len(operate(server, "user", "sessions", mo.email, "--json").works().json)
    told = operate(server, "user", "remove", mo.email)
    told.fails(
        exit_codes.USAGE, f"Removing the person {mo.email} ends: {sessions} sessions, 1 allowed program,"
    )
    assert "1 API key, 1 membership, 1 project role." in told.err
    assert "Created by them, and stays valid: 1 API token." in told.err
    assert f"API token made-by-mo in {name}/web" in told.err
    assert "add --yes" in told.err
    assert refusal(Caller(server, bearer).current) == OK
    gone = operate(server, "user", "remove", mo.email, "--yes", "--json").works().json
    ended = {"sessions": sessions, "programs": 1, "keys": 1, "memberships": 1, "projectRoles": 1}
    left = {"apiTokens": 1, "teamKeys": 0}
    assert gone == {"email": mo.email, "removed": True, "ended": ended, "left": left}
    assert refusal(Caller(server, bearer).current)[0] == "UNAUTHENTICATED"
    with program_at(server) as program:
        assert not program.works(tokens["access_token"])
        assert program.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert mo.email not in operate(server, "user", "list").works().out
    assert operate(server, "project", "member", "list", "--org", name, "--json").works().json == []
    [org] = [row for row in operate(server, "org", "list", "--json").works().json if row["name"] == name]
    assert (org["members"], org["apiTokens"]) == (2, 3)
    owner = Caller(server, filled.owner.bearer)
    assert "made-by-mo" in {row.name for row in owner.list()}
    operate(server, "user", "remove", mo.email, "--yes").fails(exit_codes.FAILED, "nobody here is called")
    operate(server, "user", "add", mo.email, stdin="another-password-not-real\n").works()
    assert refusal(Caller(server, bearer).current)[0] == "UNAUTHENTICATED"
    everything = operate(server, "audit", "--json", "--action", "user.remove").works().json
    [event] = [row for row in everything if row["target"]["name"] == mo.email]
    counted = {"sessions": sessions, "grants": 1, "keys": 1, "memberships": 1, "project_roles": 1}
    assert event["details"] == counted | {"left": {"tokens": 1, "team_keys": 0}}
    assert trail(operate, filled)[-1] == (
        "membership.remove",
        mo.email,
        {"before": "member", "projects": ["web"]},
    )
    # What they did is still theirs.
    assert operate(server, "audit", "--actor", mo.email, "--json", "--action", "api_token.create").json


def test_a_teams_key_outlives_whoever_made_it(filled: Organization, operate: Operate) -> None:
    server, name, vera = filled.server, filled.name, filled.member("admin")
    [team] = operate(server, "team", "list", "--org", name, "--json").works().json
    key = make_key(filled, vera, team["id"])
    shown = operate(server, "user", "remove", vera.email, "--yes").works()
    assert "Created by them, and stays valid: 1 team key." in shown.err
    assert f"Removed {vera.email}. Ended: " in shown.out
    assert teams_with(filled, filled.member("member"), key, team["id"]) == (200, ["ops"])
    [team] = operate(server, "team", "list", "--org", name, "--json").works().json
    assert team["key"]["hint"] == key[-4:]


def test_the_last_owner_is_not_removed(organization: Organization, operate: Operate) -> None:
    server, name, owner = organization.server, organization.name, organization.owner
    alone = operate(server, "user", "remove", owner.email, "--yes")
    alone.fails(
        exit_codes.FAILED, f"{owner.email} is the last owner of {name}", f"loopin server org remove {name}"
    )
    organization.member("viewer")
    vera = organization.member("admin")
    told = operate(server, "user", "remove", owner.email, "--yes")
    heir = f"loopin server membership set {vera.email} --org {name} --role owner"
    told.fails(exit_codes.FAILED, f"{owner.email} is the last owner of {name}", heir)
    operate(server, "membership", "set", vera.email, "--org", name, "--role", "owner").works()
    # One who is kept out does not count.
    operate(server, "user", "disable", vera.email).works()
    operate(server, "user", "remove", owner.email, "--yes").fails(exit_codes.FAILED, "is the last owner")
    operate(server, "user", "enable", vera.email).works()
    operate(server, "user", "remove", owner.email, "--yes").works()


def test_an_organization_ends_with_all_that_is_in_it(filled: Organization, operate: Operate) -> None:
    server, name, owner = filled.server, filled.name, filled.owner
    jwt = Caller(server, owner.bearer).create("ci-late").jwt
    before = len(trail(operate, filled))
    told = operate(server, "org", "remove", name)
    ends = (
        "3 memberships, 2 projects, 1 project role, 3 API tokens, 1 team, 1 team key, 2 trusted CI issuers."
    )
    told.fails(exit_codes.USAGE, f"Removing the organization {name} ends: {ends}", "add --yes")
    gone = operate(server, "org", "remove", name, "--yes", "--json").works().json
    ended = {"memberships": 3, "projects": 2, "projectRoles": 1, "apiTokens": 3, "teams": 1, "teamKeys": 1}
    assert gone == {"organization": name, "removed": True, "ended": ended | {"issuers": 2}}
    assert refusal(Caller(server, jwt).list) == ("UNAUTHENTICATED", "API token not found")
    here = Caller(server, owner.bearer)
    assert here.memberships() == []
    for words in (("org", "list"), ("project", "list"), ("team", "list"), ("issuer", "list")):
        assert name not in operate(server, *words).works().out
    people = {row["email"]: row for row in operate(server, "user", "list", "--json").works().json}
    assert (people[owner.email]["memberships"], people[owner.email]["apiTokens"]) == ([], 0)
    operate(server, "project", "list", "--org", name).fails(exit_codes.FAILED, "there is no organization")
    operate(server, "org", "remove", name, "--yes").fails(exit_codes.FAILED, "there is no organization")
    operate(server, "org", "add", name).fails(
        exit_codes.FAILED, "its name is not used again", "choose another"
    )
    acts = trail(operate, filled, before)
    assert [(action, target) for action, target, _ in acts] == [
        *(("membership.remove", filled.member(role).email) for role in ("admin", "member", "owner")),
        *(("api_token.revoke", token) for token in ("ci-global", "ci-late", "ci-web")),
        ("api_key.delete", "ops"),
        *(("issuer.remove", "https://ci.example") for _ in range(2)),
        ("organization.remove", name),
    ]
    assert acts[5][2] == {"with": "organization.remove", "project": "web"}
    assert acts[-1][2] == {
        "memberships": 3,
        "projects": 2,
        "project_roles": 1,
        "tokens": 3,
        "teams": 1,
        "team_keys": 1,
        "issuers": 2,
    }


def test_whoever_worked_in_it_works_in_another_of_theirs(
    organization: Organization, other_organization: Organization, operate: Operate
) -> None:
    server, owner = organization.server, organization.owner
    there = ("--org", other_organization.name, "--role", "viewer")
    operate(server, "membership", "set", owner.email, *there).works()
    assert Caller(server, owner.bearer).current().current_membership.org.name == organization.name
    operate(server, "org", "remove", organization.name, "--yes").works()
    assert Caller(server, owner.bearer).current().current_membership.org.name == other_organization.name


def test_a_project_ends_with_its_tokens(filled: Organization, operate: Operate) -> None:
    server, name, mo = filled.server, filled.name, filled.member("member")
    jwt = Caller(server, filled.owner.bearer).create("ci-late", project_reference=WEB).jwt
    before = len(trail(operate, filled))
    told = operate(server, "project", "remove", "web", "--org", name)
    ends = "1 project role, 2 API tokens, 1 trusted CI issuer."
    told.fails(exit_codes.USAGE, f"Removing the project web of {name} ends: {ends}", "add --yes")
    gone = operate(server, "project", "remove", "web", "--org", name, "--yes", "--json").works().json
    ended = {"projectRoles": 1, "apiTokens": 2, "issuers": 1}
    assert gone == {"organization": name, "project": "web", "removed": True, "ended": ended}
    assert refusal(Caller(server, jwt).list) == ("UNAUTHENTICATED", "API token not found")
    assert [row.name for row in Caller(server, filled.owner.bearer).list()] == ["ci-global"]
    assert refusal(lambda: Caller(server, mo.bearer).list(project=WEB))[0] == "NOT_FOUND"
    listed = operate(server, "project", "list", "--org", name, "--json").works().json
    assert [row["name"] for row in listed] == ["ml"]
    issuers = operate(server, "issuer", "list", "--org", name, "--json").works().json
    assert [row["project"] for row in issuers] == [None]
    assert trail(operate, filled, before) == [
        ("project_member.remove", mo.email, {"project": "web", "before": "admin"}),
        ("api_token.revoke", "ci-late", {"with": "project.remove", "project": "web"}),
        ("api_token.revoke", "ci-web", {"with": "project.remove", "project": "web"}),
        ("issuer.remove", "https://ci.example", {}),
        ("project.remove", "web", {"project_roles": 1, "tokens": 2, "issuers": 1}),
    ]
    again = operate(server, "project", "remove", "web", "--org", name, "--yes")
    again.fails(exit_codes.FAILED, "there is no project 'web'")
    operate(server, "project", "remove", "web", "--org", "nowhere").fails(
        exit_codes.FAILED, "no organization"
    )
    # A project's name may be given again; nothing of the old one comes back.
    operate(server, "project", "add", "web", "--org", name).works()
    assert refusal(Caller(server, jwt).list) == ("UNAUTHENTICATED", "API token not found")


def test_the_name_is_typed_or_nothing_happens(
    organization: Organization, operate: Operate, answer: Answer
) -> None:
    server, name = organization.server, organization.name
    answer(lambda _question: "yes")
    operate(server, "org", "remove", name).fails(exit_codes.CANCELLED, "nothing was removed")
    asked: list[str] = []

    def typed(question: str) -> str:
        asked.append(question)
        return "ml"

    answer(typed)
    said = operate(server, "project", "remove", "ml", "--org", name).works()
    assert asked == [f"Remove the project ml of {name} for good? Type ml to go on: "]
    assert said.out == f"Removed project ml of {name}. Ended: nothing.\n"


def test_what_changed_while_it_was_asked_is_shown_anew(
    organization: Organization, operate: Operate, answer: Answer
) -> None:
    server, name = organization.server, organization.name
    owner = Caller(server, organization.owner.bearer)

    def meanwhile(_question: str) -> str:
        owner.create("late", project_reference=WEB)
        return "web"

    answer(meanwhile)
    told = operate(server, "project", "remove", "web", "--org", name)
    told.fails(exit_codes.FAILED, "web changed after it was shown: its removal would now end 1 API token")
    assert "nothing was removed; run it again" in told.err
    assert [row.name for row in owner.list()] == ["late"]
    assert "project.remove" not in {action for action, *_ in trail(operate, organization)}


def test_every_difference_refuses_and_a_namesake_is_not_it(organization: Organization) -> None:
    database, name = organization.database, organization.name
    assert organization.owner
    removal = Removal(database, utc_now)
    mo = organization.member("member")
    shown = removal.preview_user(mo.email)
    Caller(organization.server, mo.bearer).create("late", project_reference=WEB)
    with pytest.raises(Refused, match="1 session, 1 membership, 1 project role; it would leave 1 API token"):
        removal.remove_user(OPERATOR, shown)
    whole, web = removal.preview_organization(name), removal.preview_project(name, "web")
    organization.member("viewer")
    with pytest.raises(Refused, match="3 memberships"):
        removal.remove_organization(OPERATOR, whole)
    organization.join_project(organization.member("contributor"), "web", "viewer")
    with pytest.raises(Refused, match="2 project roles"):
        removal.remove_project(OPERATOR, web)
    gone = removal.preview_project(name, "web")
    removal.remove_project(OPERATOR, gone)
    Projects(database, utc_now).add_project(OPERATOR, name, "web")
    with pytest.raises(NotFound, match="web was removed already"):
        removal.remove_project(OPERATOR, gone)
