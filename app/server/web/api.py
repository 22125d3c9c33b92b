"""/api/v1: what the vendor's programs read, in the vendor's shapes."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.domain.errors import InvalidInput, LoopinError, NotSignedIn, PermissionDenied
from app.server.core.gumloop import Bearer, Caller, Named
from app.server.core.services import Services
from app.server.request_headers import bearer_challenge, read_bearer
from app.server.web.errors import INTERNAL, answer_errors

PREFIX = "/api/"
_KINDS: tuple[tuple[type[LoopinError], int, str, str], ...] = (
    (NotSignedIn, 401, "unauthorized", "authentication_error"),
    (PermissionDenied, 403, "forbidden", "permission_error"),
    (InvalidInput, 400, "invalid_request", "invalid_request_error"),
)


def _group(label: str, *options: tuple[str, str]) -> dict[str, Any]:
    listed = [{"value": value, "label": name, "status": "available"} for value, name in options]
    return {"groupLabel": label, "options": listed}


# The models that the sample API lists.
_MODEL_GROUPS: list[dict[str, Any]] = [
    _group("Recommended", ("auto", "Auto-select"), ("sample-balanced", "Sample Balanced")),
    _group("Fast", ("sample-mini", "Sample Mini"), ("sample-mini-long", "Sample Mini, long context")),
    _group("Thorough", ("sample-large", "Sample Large"), ("sample-reasoning", "Sample Reasoning")),
]


def make_blueprint(parts: Services) -> Blueprint:
    """The routes; each one checks the bearer first."""
    routes = Blueprint("api", __name__, url_prefix=f"{PREFIX}v1")
    gumloop = parts.gumloop

    def caller() -> Caller:
        return gumloop.identify_caller(_bearer(), request.args.get("team_id", ""))

    @routes.get("/models")
    def models() -> ResponseReturnValue:
        caller()
        return {"model_groups": _MODEL_GROUPS}

    @routes.get("/teams")
    def teams() -> ResponseReturnValue:
        return {"teams": _items(gumloop.list_teams(caller()))}

    @routes.get("/organizations")
    def organizations() -> ResponseReturnValue:
        return {"organizations": _items(gumloop.list_organizations(caller()))}

    _answer_errors(routes)
    return routes


def no_such_call(error: HTTPException) -> ResponseReturnValue:
    """A wrong address or method, in the shape of every other error here."""
    code = "not_found" if error.code == 404 else "invalid_request"
    return _error(code, error.name, "invalid_request_error"), error.code or 500


def _bearer() -> Bearer:
    user_id = request.headers.get("x-auth-key", "").strip()
    return Bearer(read_bearer(request.headers.get("Authorization", "")), user_id)


def _items(found: Sequence[Named]) -> list[dict[str, str]]:
    return [{"id": str(item.id), "name": item.name} for item in found]


def _error(code: str, message: str, kind: str, param: str | None = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "type": kind, "param": param, "details": None}}


def _server_error(code: str, message: str) -> dict[str, Any]:
    return _error("internal_error" if code == INTERNAL else code, message, "api_error")


def _answer_errors(routes: Blueprint) -> None:
    answer_errors(routes, _server_error, no_such_call)

    @routes.errorhandler(LoopinError)
    def refused(error: LoopinError) -> ResponseReturnValue:
        status, code, kind = next(
            ((status, code, kind) for of, status, code, kind in _KINDS if isinstance(error, of)),
            (500, "internal_error", "api_error"),
        )
        sent = request.headers.get("Authorization", "")
        headers = {"WWW-Authenticate": bearer_challenge(sent)} if status == 401 else {}
        param = "team_id" if status == 400 else None
        return _error(code, error.message, kind, param), status, headers
