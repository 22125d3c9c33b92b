"""No path of this server sends a browser to the host that a request names, or to any other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.server.core.services import build_services
from app.server.settings import ServerSettings
from app.server.web.app import create_app

EVIL = "http://evil.example"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    services = build_services(ServerSettings(data=tmp_path))
    yield create_app(services, "http://127.0.0.1:1")
    services.database.close()


def ways(path: str) -> Iterator[str]:
    """The same path with slashes more than it has."""
    yield f"{path}/"
    yield f"{path}//"
    yield f"/{path}"
    yield f"///evil.example/..{path}"
    yield path.replace("/", "//")
    yield path[:1] + path[1:].replace("/", "//", 1)


def test_a_path_with_more_slashes_leads_nowhere_else(app: Flask) -> None:
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        for path in ways(rule.rule.replace("<path:filename>", "pages.css")):
            # As the listener hands it over: the test client would take a host out of two slashes.
            with client.get("/", base_url=EVIL, environ_overrides={"PATH_INFO": path}) as answer:
                place = answer.headers.get("Location", "/")
            assert place.startswith("/"), (path, place)
            assert not place.startswith("//"), (path, place)
            assert "evil" not in place, (path, place)
