"""/healthz: 200 while requests can be served and should come here."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.server.database.trouble import RETRY_AFTER
from app.server.health import Readiness


def make_blueprint(readiness: Readiness) -> Blueprint:
    """The route."""
    pages = Blueprint("health", __name__)

    @pages.get("/healthz")
    def healthz() -> ResponseReturnValue:
        if readiness.check():
            return {"status": "ok"}
        return {"status": "unavailable"}, 503, {"Retry-After": str(RETRY_AFTER)}

    return pages
