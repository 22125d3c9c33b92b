"""Behind a proxy that ends TLS: what programs are told, and that plain http elsewhere is refused."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.server.core.services import build_services
from app.server.settings import ServerSettings, parse_networks
from app.server.web.app import create_app
from tests.support.oauth import CLIENT, Proof, answer_of, request_for

REFRESH = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": "ort_unknown"}


def client_of(folder: Path, public_url: str) -> FlaskClient:
    proxy = parse_networks(("10.0.0.0/8",))
    settings = ServerSettings(folder, host="0.0.0.0", public_url=public_url, trusted_proxies=proxy)
    return create_app(build_services(settings.check()), public_url).test_client()


@pytest.mark.parametrize(
    "arrives", ["http://10.0.0.7:8080", "http://127.0.0.1:8080", "https://accounts.example"]
)
def test_behind_a_proxy_the_public_address_counts(tmp_path: Path, arrives: str) -> None:
    http = client_of(tmp_path, "https://accounts.example")
    answer = http.post("/oauth/token", data=REFRESH, base_url=arrives)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")
    wanted = request_for(Proof(), scope="everything")
    answer = http.get("/oauth/authorize", query_string=wanted, base_url=arrives)
    assert answer_of(answer.headers["Location"])["iss"] == "https://accounts.example"
    metadata = http.get("/.well-known/oauth-authorization-server", base_url=arrives).get_json()
    assert metadata["token_endpoint"] == "https://accounts.example/oauth/token"


def test_plain_http_on_other_machines_gets_no_tokens(tmp_path: Path) -> None:
    http = client_of(tmp_path, "http://accounts.example")
    answer = http.post("/oauth/token", data=REFRESH)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "insecure_transport")
    answer = http.get("/oauth/authorize", query_string=request_for(Proof()))
    assert answer.status_code == 400
    assert "https" in answer.text


def test_the_cookie_is_secure_where_browsers_come_over_tls(tmp_path: Path) -> None:
    answer = client_of(tmp_path, "https://accounts.example").get("/account/sign-in")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "Strict-Transport-Security" in answer.headers
