"""/api/v1 in the vendor's shapes: who may read what, and how a refusal looks."""

import re
from typing import Any

import httpx
import pytest

from tests.support.databases import ON_BOTH
from tests.support.http_client import http_client
from tests.support.oauth import Person, Program, add_team, person_at, tokens_at, user_id_of
from tests.support.organizations import Organization, add_organization
from tests.support.server import AccountServer, ServerFactory, csrf_of, sign_in


class Reader:
    """Reads the API with one credential."""

    def __init__(self, http: httpx.Client, bearer: str, user_id: str = "") -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {bearer}"} | ({"x-auth-key": user_id} if user_id else {})

    def __call__(self, path: str, **params: str) -> httpx.Response:
        return self._http.get(f"/api/v1/{path}", headers=self._headers, params=params)


@pytest.fixture
def by_token(account_server: AccountServer, program: Program) -> Reader:
    return Reader(program.http, tokens_at(account_server, account_server.owner)["access_token"])


@pytest.fixture
def by_key(account_server: AccountServer, program: Program) -> Reader:
    sample = account_server.seed["gumloop"]
    return Reader(program.http, sample["api_key"], sample["user_id"])


@pytest.fixture(params=["by_token", "by_key"])
def reader(request: pytest.FixtureRequest, account_server: AccountServer) -> Reader:
    found: Reader = request.getfixturevalue(request.param)
    return found


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of the vendor's error body."""
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"code", "message", "type", "param", "details"}
    assert error["message"]
    return answer.status_code, error["code"]


def names(answer: httpx.Response, key: str) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()[key]]


def team_id(reader: Reader, name: str) -> str:
    found: list[dict[str, str]] = reader("teams").json()["teams"]
    return next(team["id"] for team in found if team["name"] == name)


def test_models_come_in_groups(reader: Reader) -> None:
    answer = reader("models")
    assert answer.status_code == 200
    for group in answer.json()["model_groups"]:
        assert set(group) == {"groupLabel", "options"}
        assert all(set(option) == {"value", "label", "status"} for option in group["options"])


@ON_BOTH
def test_teams_and_organizations_are_the_persons_own(reader: Reader) -> None:
    assert names(reader("teams"), "teams") == ["growth", "support"]
    assert names(reader("organizations"), "organizations") == ["acme"]
    assert all(set(team) == {"id", "name"} for team in reader("teams").json()["teams"])


@ON_BOTH
def test_team_id_is_checked_on_every_request(
    reader: Reader, account_server: AccountServer, program: Program
) -> None:
    theirs = Reader(program.http, tokens_at(account_server, account_server.outsider)["access_token"])
    foreign = team_id(theirs, "research")
    for path in ("models", "teams", "organizations"):
        assert reader(path, team_id=team_id(reader, "growth")).status_code == 200
        assert error_of(reader(path, team_id=foreign)) == (403, "forbidden")
        assert error_of(reader(path, team_id="nonsense")) == (400, "invalid_request")


@pytest.mark.parametrize("bearer", ["nonsense", "gum_nonsense", "oat_nonsense", "x" * 5000, "gum_"])
def test_a_bearer_that_does_not_work_is_401(program: Program, bearer: str) -> None:
    answer = Reader(program.http, bearer, "someone")("models")
    assert error_of(answer) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="loopin", error="invalid_token"'


@pytest.mark.parametrize("header", ["", "Bearer", "Basic eDp5", "gum_demo_not_a_real_key_ada"])
def test_no_bearer_is_401(program: Program, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    assert error_of(program.http.get("/api/v1/models", headers=headers)) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", "/api/v1/nothing", (404, "not_found")), ("DELETE", "/api/v1/models", (405, "invalid_request"))],
)
def test_a_wrong_address_is_an_error_of_the_same_shape(
    program: Program, method: str, path: str, expected: tuple[int, str]
) -> None:
    assert error_of(program.http.request(method, path)) == expected


@ON_BOTH
def test_an_api_key_works_only_with_its_own_user_id(account_server: AccountServer, program: Program) -> None:
    sample = account_server.seed["gumloop"]
    other = user_id_of(account_server, account_server.viewer[0])
    for user_id in ("", "nonsense", other, sample["user_id"] + "0"):
        assert error_of(Reader(program.http, sample["api_key"], user_id)("models")) == (401, "unauthorized")


def test_a_token_needs_the_scope_of_the_api(account_server: AccountServer, program: Program) -> None:
    narrow = tokens_at(account_server, account_server.owner, scope="userinfo")
    assert error_of(Reader(program.http, narrow["access_token"])("models")) == (403, "forbidden")


def test_a_chainloop_token_does_not_open_this_api(account_server: AccountServer, program: Program) -> None:
    jwt = sign_in(account_server, *account_server.owner)
    assert error_of(Reader(program.http, jwt)("models")) == (401, "unauthorized")


class KeyPage:
    """The page with user ID and keys, as a person uses it."""

    def __init__(self, person: Person) -> None:
        self._http = person.http

    def text(self) -> str:
        answer = self._http.get("/account/keys")
        assert answer.status_code == 200
        return answer.text

    def make(self, team: str = "") -> httpx.Response:
        form = {"csrf_token": csrf_of(self.text())} | ({"team": team} if team else {})
        return self._http.post("/account/keys", data=form)

    def make_key(self, team: str = "") -> str:
        found = re.search(r"gum_[\w-]{40,}", self.make(team).text)
        assert found
        return found[0]


@ON_BOTH
def test_a_new_key_ends_the_old_one_at_once_and_is_shown_once(
    organization: Organization, program: Program
) -> None:
    server, owner = organization.server, organization.owner
    user_id = user_id_of(server, owner.email)
    with person_at(server, owner.login) as person:
        page = KeyPage(person)
        old = page.make_key()
        before = page.text()
        assert user_id in before
        assert old not in before
        assert f"Ends in <code>{old[-4:]}</code>" in before
        assert "never used" in before
        assert Reader(program.http, old, user_id)("models").status_code == 200
        assert "last used" in page.text()

        key = page.make_key()
        assert error_of(Reader(program.http, old, user_id)("models"))[0] == 401
        assert Reader(program.http, key, user_id)("models").status_code == 200
        assert key not in page.text()
    with server.database() as database:
        assert key not in "\n".join(database.iterdump())
        query = "SELECT action FROM audit_events WHERE actor_name = ? AND action <> 'login'"
        trail = database.execute(query, (owner.email,)).fetchall()
    assert [row[0] for row in trail] == ["api_key.create"] * 2


@ON_BOTH
def test_a_teams_key_reaches_its_team_and_no_other(organization: Organization, program: Program) -> None:
    server, owner, http = organization.server, organization.owner, program.http
    user_id = user_id_of(server, owner.email)
    growth, support = add_team(organization, "growth"), add_team(organization, "support")
    with person_at(server, owner.login) as person:
        personal = Reader(http, KeyPage(person).make_key(), user_id)
        key = KeyPage(person).make_key(growth)
    reader = Reader(http, key, user_id)
    assert reader("models").status_code == 200
    assert reader("models", team_id=growth).status_code == 200
    assert error_of(reader("models", team_id=support)) == (403, "forbidden")
    assert error_of(reader("teams")) == (400, "invalid_request")
    assert names(reader("teams", team_id=growth), "teams") == ["growth"]
    assert error_of(reader("organizations", team_id=growth)) == (403, "forbidden")
    # The personal key goes on.
    assert personal("models").status_code == 200

    viewer, outsider = organization.member("viewer").email, server.outsider[0]
    assert Reader(http, key, user_id_of(server, viewer))("models").status_code == 200
    assert error_of(Reader(http, key, user_id_of(server, outsider))("models")) == (401, "unauthorized")


@ON_BOTH
def test_who_does_not_administer_a_team_makes_no_key_for_it(organization: Organization) -> None:
    server, viewer = organization.server, organization.member("viewer")
    growth = add_team(organization, "growth")
    outsider = add_organization(server, organization.database).owner
    for member in (viewer, outsider):
        with person_at(server, member.login) as person:
            for team in (growth, "nonsense"):
                answer = KeyPage(person).make(team)
                assert answer.status_code == 403
                assert "gum_" not in answer.text
    with person_at(server, viewer.login) as person:
        assert "Owners and admins create this key" in KeyPage(person).text()


def test_nobody_sees_or_makes_keys_without_signing_in(account_server: AccountServer) -> None:
    with person_at(account_server) as nobody:
        answer = nobody.http.get("/account/keys")
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/account/sign-in?next=/account/keys",
        )
        token = csrf_of(nobody.http.get("/account/sign-in").text)
        answer = nobody.http.post("/account/keys", data={"csrf_token": token})
        assert answer.status_code == 303


def test_starting_again_with_sample_data_changes_no_key(fresh_server: ServerFactory) -> None:
    server = fresh_server()
    with person_at(server, server.owner) as ada:
        key = KeyPage(ada).make_key()
    server.stop()
    again = fresh_server(data=server.data)
    with http_client(again.http) as http:
        user_id = again.seed["gumloop"]["user_id"]
        assert Reader(http, key, user_id)("models").status_code == 200
        assert error_of(Reader(http, server.seed["gumloop"]["api_key"], user_id)("models"))[0] == 401
