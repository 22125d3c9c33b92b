"""/openapi.json and the routes say the same."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.server.core.services import build_services
from app.server.settings import ProviderSettings, ServerSettings
from app.server.web.app import create_app
from app.server.web.asgi import HEALTH_PATHS

URL = "http://127.0.0.1:1"


# Style sheets and a picture: nothing that a program would ask for.
LEFT_OUT = {"static"}


@pytest.fixture(params=["passwords", "identity provider"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Flask:
    (tmp_path / "secret").write_text("provider-secret-not-real")
    there = ProviderSettings("https://login.example", "loopin", tmp_path / "secret")
    provider = there if request.param == "identity provider" else None
    return create_app(
        build_services(ServerSettings(tmp_path, sweep_interval=timedelta(0), provider=provider)), URL
    )


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    answer = app.test_client().get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def test_every_route_is_described_and_nothing_else(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.endpoint not in LEFT_OUT and method not in {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert described == routes | {(path, "get") for path in HEALTH_PATHS}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas, schemes = document["components"]["schemas"], document["components"]["securitySchemes"]
    for name in re.findall(r"#/components/schemas/(\w+)", str(document)):
        assert name in schemas
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            assert operation["responses"]
            assert all(name in schemes for choice in operation.get("security", []) for name in choice)


def test_it_is_an_openapi_document(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["info"].keys() >= {"title", "version"}
    assert document["servers"] == [{"url": URL}]
