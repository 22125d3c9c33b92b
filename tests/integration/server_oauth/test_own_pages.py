"""The pages on which a person ends what is open in their name, deletes keys and changes the password."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.integration.server.callers import Caller, refusal
from tests.support.databases import ON_BOTH
from tests.support.http_client import http_client
from tests.support.oauth import Person, add_team, person_at, program_at, tokens_at, user_id_of
from tests.support.organizations import Member, Organization
from tests.support.server import AccountServer, csrf_of, own_address, sign_in

pytestmark = [ON_BOTH, pytest.mark.slow]
NEW = "four-random-words-not-real"
OK = ("OK", "")
SESSIONS, KEYS, PASSWORD = "/account/sessions", "/account/keys", "/account/password"


@pytest.fixture
def vera(organization: Organization) -> Member:
    return organization.member("viewer")


@pytest.fixture
def browsers(organization: Organization, vera: Member) -> Iterator[list[Person]]:
    """Two browsers in which she is signed in."""
    with ExitStack() as stack:
        yield [stack.enter_context(person_at(organization.server, vera.login, own=True)) for _ in range(2)]


def post(person: Person, path: str, page: str = "", **form: str) -> httpx.Response:
    """Send a form with the token of its page."""
    token = csrf_of(person.http.get(page or path).text)
    return person.http.post(path, data={"csrf_token": token, **form})


def ids(page: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}" value="([^"]+)"', page)


def key_of(page: httpx.Response) -> str:
    return page.text.partition('autocomplete="off">')[2].partition("<")[0]


def key_works(server: AccountServer, person: Member, key: str) -> bool:
    headers = {"Authorization": f"Bearer {key}", "x-auth-key": user_id_of(server, person.email)}
    with http_client(server.http) as client:
        return client.get("/api/v1/models", headers=headers).status_code == 200


def is_in(person: Person) -> bool:
    return person.http.get(KEYS).status_code == 200


def acts(server: AccountServer, email: str) -> list[str]:
    with server.database() as database:
        query = "SELECT action FROM audit_events WHERE actor_name = ? ORDER BY id"
        return [row[0] for row in database.execute(query, (email,)).fetchall()]


def test_each_session_is_shown_and_can_be_ended(
    organization: Organization, vera: Member, browsers: list[Person]
) -> None:
    here, there = browsers
    page = here.http.get(SESSIONS).text
    assert "This browser," in page
    [other] = ids(page, "session")
    answer = post(here, SESSIONS, session=other)
    assert (answer.status_code, answer.headers["location"]) == (303, SESSIONS)
    page = here.http.get(SESSIONS).text
    assert "Ended: 1 session." in page
    assert "You are signed in nowhere else." in page
    assert [is_in(one) for one in browsers] == [True, False]
    assert acts(organization.server, vera.email)[-1] == "session.end"
    assert post(here, SESSIONS, session=other).status_code == 404
    assert there.http.get(SESSIONS).headers["location"] == f"/account/sign-in?next={SESSIONS}"


def test_each_program_is_shown_and_can_be_ended(
    organization: Organization, vera: Member, browsers: list[Person]
) -> None:
    here, server = browsers[0], organization.server
    first, second = (tokens_at(server, vera.login) for _ in range(2))
    page = here.http.get(SESSIONS).text
    assert page.count("<strong>Gumloop CLI</strong>") == 2
    newest, _ = ids(page, "grant")
    assert post(here, SESSIONS, grant=newest).status_code == 303
    with program_at(server) as program:
        assert program.works(first["access_token"])
        assert not program.works(second["access_token"])
        assert program.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert acts(server, vera.email)[-1] == "oauth.end"


@pytest.mark.parametrize("with_key", [False, True])
def test_all_others_end_at_once_and_the_key_when_that_is_asked_for(
    organization: Organization, vera: Member, browsers: list[Person], with_key: bool
) -> None:
    here, server = browsers[0], organization.server
    key, tokens = key_of(post(here, KEYS)), tokens_at(server, vera.login)
    bearer = sign_in(server, *vera.login)
    assert post(here, SESSIONS, others="all", **({"keys": "yes"} if with_key else {})).status_code == 303
    told = here.http.get(SESSIONS).text
    assert ("3 sessions, 1 program, 1 API key." if with_key else "3 sessions, 1 program.") in told
    assert [is_in(one) for one in browsers] == [True, False]
    assert refusal(Caller(server, bearer).current)[0] == "UNAUTHENTICATED"
    with program_at(server) as program:
        assert program.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert key_works(server, vera, key) is not with_key


def test_what_belongs_to_somebody_else_is_not_ended(
    organization: Organization, vera: Member, browsers: list[Person]
) -> None:
    server, other = organization.server, organization.member("admin")
    tokens = tokens_at(server, other.login)
    with person_at(server, other.login, own=True) as theirs:
        [session] = ids(theirs.http.get(SESSIONS).text, "session")
        [grant] = ids(theirs.http.get(SESSIONS).text, "grant")
        for form in ({"session": session}, {"grant": grant}, {"session": "x"}, {"grant": "x"}):
            assert post(browsers[0], SESSIONS, **form).status_code == 404
        post(browsers[0], SESSIONS, others="all")
        assert is_in(theirs)
    with program_at(server) as program:
        assert program.works(tokens["access_token"])


@pytest.mark.parametrize("form", [{}, {"session": ""}, {"others": ""}, {"keys": "yes"}])
def test_a_form_that_names_nothing_ends_nothing(browsers: list[Person], form: dict[str, str]) -> None:
    assert post(browsers[0], SESSIONS, **form).status_code == 404
    assert [is_in(one) for one in browsers] == [True, True]


@pytest.mark.parametrize("path", [SESSIONS, f"{KEYS}/delete", PASSWORD])
def test_nothing_is_changed_without_the_forms_token(browsers: list[Person], path: str) -> None:
    assert browsers[0].http.post(path, data={"current": "x"}).status_code == 400
    assert [is_in(one) for one in browsers] == [True, True]


def test_a_person_deletes_their_own_key(
    organization: Organization, vera: Member, browsers: list[Person]
) -> None:
    here, server = browsers[0], organization.server
    key = key_of(post(here, KEYS))
    assert key_works(server, vera, key)
    assert post(here, f"{KEYS}/delete", KEYS).headers["location"] == KEYS
    page = here.http.get(KEYS).text
    assert "The key is deleted." in page
    assert "No key yet." in page
    assert not key_works(server, vera, key)
    assert acts(server, vera.email)[-1] == "api_key.delete"
    assert post(here, f"{KEYS}/delete", KEYS).status_code == 403


def test_a_teams_key_is_deleted_by_admins_only(
    organization: Organization, vera: Member, browsers: list[Person]
) -> None:
    server, admin, team = organization.server, organization.member("admin"), add_team(organization, "r")
    with person_at(server, admin.login) as boss:
        key = key_of(post(boss, KEYS, team=team))
        assert post(browsers[0], f"{KEYS}/delete", KEYS, team=team).status_code == 403
        assert key_works(server, vera, key)
        assert post(boss, f"{KEYS}/delete", KEYS, team=team).status_code == 303
    assert not key_works(server, vera, key)


def change(person: Person, current: str, new: str = NEW, again: str = "") -> httpx.Response:
    return post(person, PASSWORD, current=current, new=new, again=again or new)


def test_a_new_password_ends_all_else_that_the_old_one_opened(
    organization: Organization, vera: Member, browsers: list[Person]
) -> None:
    here, server = browsers[0], organization.server
    key, tokens = key_of(post(here, KEYS)), tokens_at(server, vera.login)
    with http_client(server.http, cookies=dict(here.http.cookies)) as copy:
        assert copy.get(KEYS).status_code == 200
        answer = change(here, vera.password)
        assert (answer.status_code, answer.headers["location"]) == (303, SESSIONS)
        # Whoever had the cookie of this browser is out as well.
        assert copy.get(KEYS).status_code == 303
    assert "Your password is changed. Ended: 2 sessions, 1 program." in here.http.get(SESSIONS).text
    assert [is_in(one) for one in browsers] == [True, False]
    with program_at(server) as program:
        assert program.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert key_works(server, vera, key)
    with person_at(server) as again:
        assert again.sign_in(vera.email, vera.password).status_code == 401
        assert again.sign_in(vera.email, NEW).status_code == 303
    assert "user.change_password" in acts(server, vera.email)


@pytest.mark.parametrize(
    ("new", "again", "words"),
    [
        ("short", "short", "Use 12 to 1024 characters"),
        ("x" * 1025, "x" * 1025, "Use 12 to 1024 characters"),
        (NEW, "another-not-real", "The two are not the same."),
        ("", "", "Enter a new password."),
    ],
)
def test_a_new_password_that_is_none_is_told(
    vera: Member, browsers: list[Person], new: str, again: str, words: str
) -> None:
    answer = change(browsers[0], vera.password, new, again)
    assert (answer.status_code, words in answer.text) == (400, True)
    answer = change(browsers[0], vera.password, vera.password)
    assert "Choose another one than the current password." in answer.text
    assert [is_in(one) for one in browsers] == [True, True]


def test_wrong_passwords_are_counted_with_those_of_sign_ins(
    organization: Organization, vera: Member, browsers: list[Person]
) -> None:
    here = browsers[0]
    here.http.headers["X-Forwarded-For"] = own_address()
    answers = [change(here, f"wrong-{number}") for number in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert "That is not your current password." in answers[0].text
    assert int(answers[-1].headers["retry-after"]) > 0
    # The right one does not help any more, neither here nor at the sign-in of this browser.
    assert change(here, vera.password).status_code == 429
    assert here.sign_in(vera.email, vera.password).status_code == 429
    assert acts(organization.server, vera.email).count("login.failed") == 10


def test_somebody_without_a_password_is_given_none(
    organization: Organization, vera: Member, browsers: list[Person]
) -> None:
    here, server = browsers[0], organization.server
    token = csrf_of(here.http.get(PASSWORD).text)
    with server.database() as database:
        database.execute("UPDATE users SET password_hash = '' WHERE email = ?", (vera.email,))
    page = here.http.get(PASSWORD)
    assert (page.status_code, "You have no password here" in page.text) == (403, True)
    assert PASSWORD not in here.http.get(SESSIONS).text
    for current in ("", "x"):
        form = {"csrf_token": token, "current": current, "new": NEW, "again": NEW}
        assert here.http.post(PASSWORD, data=form).status_code in {400, 403}
    with server.database() as database:
        found = database.execute("SELECT password_hash FROM users WHERE email = ?", (vera.email,))
        assert found.fetchone() == ("",)
    assert is_in(here)
