"""JSON endpoints for programs: Gumloop's /api/v1, and /federated/verify for other control planes."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.domain.errors import (
    InvalidInput,
    LoopinError,
    NotSignedIn,
    PermissionDenied,
    TokenRejected,
    Unreachable,
)
from app.domain.secret import Secret
from app.server.core.gumloop import Bearer, Caller, Named
from app.server.persistence.errors import NoDatabase
from app.server.request_headers import bearer_challenge, equal_secrets, read_bearer
from app.server.web.browser_session import services
from app.server.web.responses import INTERNAL, json_error, read_json_object, register_json_errors

API_PREFIX, FEDERATED_PATH = "/api/", "/federated/verify"
MAX_ORGANIZATION = 63
_ERRORS: tuple[tuple[type[LoopinError], int, str, str], ...] = (
    (NotSignedIn, 401, "unauthorized", "authentication_error"),
    (PermissionDenied, 403, "forbidden", "permission_error"),
    (InvalidInput, 400, "invalid_request", "invalid_request_error"),
    (LoopinError, 500, "internal_error", "api_error"),
)


def _group(label: str, *options: tuple[str, str]) -> dict[str, Any]:
    listed = [{"value": value, "label": name, "status": "available"} for value, name in options]
    return {"groupLabel": label, "options": listed}


_SAMPLE_MODELS: list[dict[str, Any]] = [
    _group("Recommended", ("auto", "Auto-select"), ("sample-balanced", "Sample Balanced")),
    _group("Fast", ("sample-mini", "Sample Mini"), ("sample-mini-long", "Sample Mini, long context")),
    _group("Thorough", ("sample-large", "Sample Large"), ("sample-reasoning", "Sample Reasoning")),
]


def gumloop_error(code: str, message: str, kind: str, param: str | None = None) -> dict[str, Any]:
    """The body of an error of Gumloop's API."""
    return {"error": {"code": code, "message": message, "type": kind, "param": param, "details": None}}


def gumloop_http_error(error: HTTPException) -> ResponseReturnValue:
    """A wrong path or method, in the same form."""
    code = "not_found" if error.code == 404 else "invalid_request"
    return gumloop_error(code, error.name, "invalid_request_error"), error.code or 500


def _server_error(code: str, message: str) -> dict[str, Any]:
    return gumloop_error("internal_error" if code == INTERNAL else code, message, "api_error")


gumloop = Blueprint("gumloop", __name__, url_prefix=f"{API_PREFIX}v1")
register_json_errors(gumloop, _server_error, gumloop_http_error)
federation = Blueprint("federation", __name__)
register_json_errors(federation)


@gumloop.errorhandler(LoopinError)
def refuse(error: LoopinError) -> ResponseReturnValue:
    """The response to a request that a service refused."""
    status, code, kind = next(row[1:] for row in _ERRORS if isinstance(error, row[0]))
    authorization = request.headers.get("Authorization", "")
    headers = {"WWW-Authenticate": bearer_challenge(authorization)} if status == 401 else {}
    param = "team_id" if status == 400 else None
    return gumloop_error(code, error.message, kind, param), status, headers


@gumloop.get("/models")
def models() -> ResponseReturnValue:
    """The models of the sample API."""
    _identify_caller()
    return {"model_groups": _SAMPLE_MODELS}


@gumloop.get("/teams")
def teams() -> ResponseReturnValue:
    """The teams that the caller may use."""
    return {"teams": _items(services().gumloop.list_teams(_identify_caller()))}


@gumloop.get("/organizations")
def organizations() -> ResponseReturnValue:
    """The caller's organizations."""
    return {"organizations": _items(services().gumloop.list_organizations(_identify_caller()))}


def _identify_caller() -> Caller:
    value = read_bearer(request.headers.get("Authorization", ""))
    bearer = Bearer(value, request.headers.get("x-auth-key", "").strip())
    return services().gumloop.identify_caller(bearer, request.args.get("team_id", ""))


def _items(rows: Sequence[Named]) -> list[dict[str, str]]:
    return [{"id": str(row.id), "name": row.name} for row in rows]


@federation.post(FEDERATED_PATH)
def verify() -> ResponseReturnValue:
    """Verify a CI token for another control plane. Without a federation secret it answers 404."""
    secret = current_app.config["FEDERATION_SECRET"]
    if not secret:
        return json_error("not_found", "this server verifies no federated tokens for others"), 404
    authorization = request.headers.get("Authorization", "")
    if not equal_secrets(read_bearer(authorization), secret):
        challenge = {"WWW-Authenticate": bearer_challenge(authorization)}
        return json_error("unauthenticated", "the federation secret is missing or wrong"), 401, challenge
    body = read_json_object() or {}
    token, organization = body.get("token"), body.get("org_name", "")
    if (
        not isinstance(token, str)
        or not isinstance(organization, str)
        or len(organization) > MAX_ORGANIZATION
    ):
        return json_error("invalid", 'send {"token": "…", "org_name": "…"}'), 400
    if not token:
        return json_error("empty", "the token is empty"), 403
    try:
        job = services().job_verifier.verify_blocking(Secret(token), organization)
    except TokenRejected as error:
        return json_error(error.code, error.message), 403
    except NoDatabase:
        # A kind of Unreachable that is not the issuer's.
        raise
    except Unreachable as error:
        return json_error("issuer_unavailable", error.message), 503
    answer = {
        "issuerUrl": job.issuer,
        "repository": job.repository,
        "orgId": str(job.organization_id),
        "orgName": job.organization_name,
    }
    if job.project_id is not None:
        answer |= {"projectId": str(job.project_id), "projectName": job.project_name}
    return answer
