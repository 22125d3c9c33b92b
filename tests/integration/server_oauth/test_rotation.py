"""Keys that are rotated while somebody has one of the server's pages open."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.server.core import key_ring
from app.server.core.services import Services, build_services
from app.server.settings import ServerSettings
from app.server.web.app import create_app
from tests.support.server import csrf_of

STALE, READ = 400, 401


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """A server's parts, in this process."""
    made = build_services(ServerSettings(tmp_path))
    yield made
    made.database.close()


@pytest.fixture
def app(services: Services) -> Flask:
    """Its pages."""
    return create_app(services, "http://127.0.0.1:1")


class Page:
    """A browser with the sign-in page open."""

    def __init__(self, app: Flask) -> None:
        self._client: FlaskClient = app.test_client()
        self._form = csrf_of(self._client.get("/auth/login").text)

    def send(self) -> int:
        """Send the form with a wrong password; the status says whether it was read."""
        fields = {"csrf_token": self._form, "email": "nobody@acme.example", "password": "not-a-password"}
        return self._client.post("/auth/login", data=fields).status_code


def test_pages_are_signed_with_the_newest_key_and_open_ones_stay_good(services: Services, app: Flask) -> None:
    path, old = services.key_ring.path, str(services.key_ring.signing.kid)
    assert path is not None
    before, forgotten = Page(app), Page(app)
    key_ring.rotate_keys(path)
    services.key_ring.reload()
    after = Page(app)
    assert before.send() == READ
    assert after.send() == READ
    key_ring.retire_key(path, old)
    services.key_ring.reload()
    assert forgotten.send() == STALE
    assert after.send() == READ


def test_a_cookie_keeps_its_name_through_a_rotation_and_a_restart(services: Services, app: Flask) -> None:
    path, old = services.key_ring.path, str(services.key_ring.signing.kid)
    assert path is not None
    key_ring.rotate_keys(path)
    key_ring.retire_key(path, old)
    again = build_services(services.settings)
    try:
        names = [
            made.config["SESSION_COOKIE_NAME"] for made in (app, create_app(again, "http://127.0.0.1:1"))
        ]
    finally:
        again.database.close()
    assert names[0] == names[1]
