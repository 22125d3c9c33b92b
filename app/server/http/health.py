"""/healthz: 200 while requests can be served."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.server.database.engine import Database
from app.server.health import is_ready


def make_blueprint(database: Database) -> Blueprint:
    """The route."""
    pages = Blueprint("health", __name__)

    @pages.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return ({"status": "ok"}, 200) if is_ready(database) else ({"status": "unavailable"}, 503)

    return pages
