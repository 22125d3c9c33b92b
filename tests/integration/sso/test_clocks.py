"""A browser that comes back to a replica whose clock is off."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from app.server.clock import utc_now
from app.server.core.services import build_services
from app.server.persistence.models import PendingSignIn
from app.server.settings import ProviderSettings, ServerSettings
from app.server.web.app import create_app
from tests.support.databases import ON_BOTH
from tests.support.http_client import http_client
from tests.support.provider import CLIENT, SECRET, Provider
from tests.support.server import csrf_of
from tests.support.sso import ACCOUNT, link_of

pytestmark = [ON_BOTH, pytest.mark.slow]

URL = "http://127.0.0.1:1"


@pytest.fixture
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, database_kind: str, provider: Provider
) -> ServerSettings:
    shared = request.getfixturevalue("postgres_url") if database_kind == "postgresql" else ""
    secret = tmp_path / "client-secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    behind = ProviderSettings(provider.url, CLIENT, secret)
    return ServerSettings(data=tmp_path, database_url=shared, provider=behind)


def way_back(browser: FlaskClient) -> str:
    """Sign in at the provider; return the path to which it sends the browser."""
    form = {"csrf_token": csrf_of(browser.get(ACCOUNT).text), "place": ACCOUNT}
    answer = browser.post("/auth/sso", data=form)
    found = link_of(answer)  # type: ignore[arg-type] # Flask's answer has a text, too
    with http_client() as other:
        address = urlsplit(other.get(found).headers["location"])
    return f"{address.path}?{address.query}"


@pytest.mark.parametrize(("off", "age", "status"), [(4, 9, 303), (4, 11, 400), (-4, 11, 400)])
def test_ten_minutes_are_ten_minutes_of_the_database(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch, off: int, age: int, status: int
) -> None:
    monkeypatch.setattr("app.server.core.services.utc_now", lambda: utc_now() + timedelta(minutes=off))
    services = build_services(settings)
    with closing(services.database):
        browser = create_app(services, URL).test_client()
        back = way_back(browser)
        with services.database.write() as session:
            session.execute(update(PendingSignIn).values(created_at=utc_now() - timedelta(minutes=age)))
        assert browser.get(back).status_code == status
