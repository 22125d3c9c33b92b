"""Every HTTP route for every kind of credential, aimed at the own and at the other organization."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.server.core.services import build_services
from app.server.settings import ServerSettings
from app.server.web.app import create_app
from app.server.web.asgi import HEALTH_PATHS
from tests.support.oauth import Person, Proof, request_for
from tests.support.server import AccountServer, csrf_of
from tests.tenants.http_rows import LAST, ROWS, Ask
from tests.tenants.tenants import LEAVER, PASSWORD, ROLES, Tenant

pytestmark = pytest.mark.slow

# A browser and a program's access token for each role, both kinds of key, and what is meant for gRPC.
CALLERS = (
    "nobody",
    *(f"browser of the {role}" for role in ROLES),
    *(f"access token of the {role}" for role in ROLES),
    "key of a person",
    "key of a team",
    "session of a person",
    "organization token",
    "project token",
)
SHOWS_HOME = {
    "browser of the owner": {"/account/keys"},
    "access token of the viewer": {"/api/v1/teams", "/api/v1/organizations", "/oauth/userinfo"},
    "key of a person": {"/api/v1/teams", "/api/v1/organizations"},
    "key of a team": {"/api/v1/teams"},
}


def headers_of(tenant: Tenant, who: str) -> dict[str, str]:
    """What a program sends along."""
    bearers = {
        "key of a person": tenant.keys["person"],
        "key of a team": tenant.keys["team"],
        "session of a person": tenant.staff[LEAVER].jwt,
        **tenant.bearers,
        **{f"access token of the {role}": one.access for role, one in tenant.staff.items()},
    }
    bearer = bearers.get(who)
    return {"Authorization": f"Bearer {bearer}", "x-auth-key": tenant.owner.user_id} if bearer else {}


@contextmanager
def client_of(plane: AccountServer, tenant: Tenant, who: str) -> Iterator[httpx.Client]:
    """The browser with its cookie, or a program with its headers."""
    if who.startswith("browser"):
        yield tenant.staff[who.rpartition(" ")[2]].browser
        return
    headers = headers_of(tenant, who)
    with httpx.Client(base_url=plane.http, trust_env=False, timeout=30, headers=headers) as made:
        yield made


def send(client: httpx.Client, ask: Ask) -> httpx.Response:
    """Send it, with the token of the form's page where it has one."""
    form = dict(ask.form)
    if ask.page:
        params = request_for(Proof()) if ask.page == "/oauth/authorize" else {}
        page = client.get(ask.page, params=params)
        # Who is not signed in is sent to a form of its own; that one's token has to do.
        text = page.text if page.status_code == 200 else client.get("/account/sign-in").text
        form["csrf_token"] = csrf_of(text)
    body = {"json": ask.json} if ask.json is not None else {"data": form} if form else {}
    return client.request(ask.method, ask.path, params=ask.params, headers=ask.headers, **body)


def everything(answer: httpx.Response) -> str:
    return f"{answer.headers} {answer.text}"


def test_every_route_has_a_row(tmp_path: Path) -> None:
    app = create_app(build_services(ServerSettings(data=tmp_path)), "http://127.0.0.1:1")
    routes = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.endpoint != "static" and method not in {"HEAD", "OPTIONS"}
    }
    assert routes | {("GET", path) for path in HEALTH_PATHS} == set(ROWS)


@pytest.mark.parametrize("who", CALLERS)
def test_at_home_the_same_requests_work_and_tell_only_of_home(
    plane: AccountServer, ours: Tenant, theirs: Tenant, who: str
) -> None:
    before, leaks, shown = theirs.rows(plane), [], set()
    with client_of(plane, ours, who) as client:
        for route, row in ROWS.items():
            if route in LAST:
                continue
            for ask in row(ours):
                answer = send(client, ask)
                leaks += [(route, word) for word in theirs.words if word in everything(answer)]
                sent = f"{ask} {answer.url}"
                if any(word in answer.text and word not in sent for word in ours.words):
                    shown.add(route[1])
    assert leaks == []
    assert shown >= SHOWS_HOME.get(who, set())
    assert theirs.rows(plane) == before


@pytest.mark.parametrize("who", CALLERS)
def test_nothing_of_another_organization_is_read_or_changed(
    plane: AccountServer, ours: Tenant, theirs: Tenant, who: str
) -> None:
    before, leaks, broken, opened = theirs.rows(plane), [], [], []
    with client_of(plane, ours, who) as client:
        for route in sorted(ROWS, key=LAST.__contains__):
            for ask in ROWS[route](theirs):
                answer = send(client, ask)
                sent = f"{ask} {answer.url}"
                told = everything(answer)
                leaks += [(route, word) for word in theirs.words if word in told and word not in sent]
                broken += [route] if answer.status_code >= 500 else []
                if ask.params.get("team_id") in theirs.words and answer.status_code == 200:
                    opened.append(route)
        if who.startswith("browser"):
            assert (
                Person(client).sign_in(ours.staff[who.rpartition(" ")[2]].email, PASSWORD).status_code == 303
            )
    assert leaks == []
    assert (broken, opened) == ([], [])
    assert theirs.rows(plane) == before
