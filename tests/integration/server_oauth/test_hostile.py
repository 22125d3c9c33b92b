"""Whatever is sent, a program gets 4xx and JSON, never a server error."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.server.core.services import build_services
from app.server.settings import ServerSettings
from app.server.web.app import create_app
from tests.support.oauth import CLIENT, REDIRECT

pytestmark = pytest.mark.slow

CALM = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

_text = st.one_of(
    st.text(max_size=40),
    st.sampled_from([CLIENT, REDIRECT, "authorization_code", "refresh_token", "S256", "code", "gumloop_api"]),
)
_NAMES = (
    "grant_type client_id client_secret code redirect_uri code_verifier refresh_token scope token"
    " token_type_hint response_type state code_challenge code_challenge_method"
)
_names = st.sampled_from(_NAMES.split())
_fields = st.lists(st.tuples(_names | st.text(max_size=5), _text), max_size=9)


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    services = build_services(ServerSettings(data=tmp_path_factory.mktemp("hostile")))
    yield create_app(services, "http://127.0.0.1:1").test_client()
    services.database.close()


def encoded(fields: list[tuple[str, str]]) -> str:
    return urlencode([(n.encode("utf-8", "replace"), v.encode("utf-8", "replace")) for n, v in fields])


@CALM
@given(path=st.sampled_from(["token", "revoke"]), fields=_fields, basic=st.none() | st.binary())
def test_any_form(http: FlaskClient, path: str, fields: list[tuple[str, str]], basic: bytes | None) -> None:
    headers = {} if basic is None else {"Authorization": "Basic " + basic.decode("latin-1").strip()}
    headers = {name: value for name, value in headers.items() if value.isprintable()}
    kind = "application/x-www-form-urlencoded"
    answer = http.post(f"/oauth/{path}", data=encoded(fields), content_type=kind, headers=headers)
    if path == "revoke" and answer.status_code == 200:
        return  # Any token may be revoked by a client that is named.
    assert answer.status_code in {400, 401}
    assert answer.get_json()["error"]


@CALM
@given(path=st.sampled_from(["token", "revoke"]), body=st.binary(max_size=200))
def test_any_bytes(http: FlaskClient, path: str, body: bytes) -> None:
    for kind in (
        "application/x-www-form-urlencoded",
        "application/json",
        "multipart/form-data; boundary=a",
        "",
    ):
        answer = http.post(f"/oauth/{path}", data=body, content_type=kind)
        assert answer.status_code in {400, 401}
        assert answer.get_json()["error"]


@CALM
@given(fields=_fields)
def test_any_authorization_request(http: FlaskClient, fields: list[tuple[str, str]]) -> None:
    answer = http.get(f"/oauth/authorize?{encoded(fields)}")
    assert answer.status_code in {303, 400}
    assert answer.headers.get("Location", "/account").startswith(("/account", "http://127.0.0.1"))


@CALM
@given(bearer=st.text(max_size=60), user=st.text(max_size=40), team=st.text(max_size=40))
def test_any_credential_of_the_read_api(http: FlaskClient, bearer: str, user: str, team: str) -> None:
    for value in (bearer, f"gum_{bearer}", f"oat_{bearer}"):
        headers = {"Authorization": f"Bearer {value}", "x-auth-key": user}
        sent = {n: v for n, v in headers.items() if v.isprintable() and v.isascii()}
        answer = http.get("/api/v1/teams", headers=sent, query_string=encoded([("team_id", team)]))
        assert answer.status_code == 401
        assert answer.get_json()["error"]["code"] == "unauthorized"
