"""/healthz: 200 while requests can be served."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.server.database.engine import Database
from app.server.database.trouble import RETRY_AFTER
from app.server.health import is_ready


def make_blueprint(database: Database) -> Blueprint:
    """The route."""
    pages = Blueprint("health", __name__)

    @pages.get("/healthz")
    def healthz() -> ResponseReturnValue:
        if is_ready(database):
            return {"status": "ok"}
        return {"status": "unavailable"}, 503, {"Retry-After": str(RETRY_AFTER)}

    return pages
