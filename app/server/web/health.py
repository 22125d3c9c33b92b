"""/livez and /readyz: whether this process runs, and whether requests should come here; /healthz is the same.

They are answered on the event loop, so that no request that waits can hold them up.
"""

import json
from http import HTTPStatus

from app.server.core.health import Readiness
from app.server.persistence.errors import RETRY_AFTER
from app.server.web.wsgi import Response

LIVE, READY = "/livez", frozenset({"/readyz", "/healthz"})
PATHS = frozenset({LIVE, *READY})
_METHODS = ("GET", "HEAD")


async def answer(readiness: Readiness, method: str, path: str) -> Response:
    """The answer to one of PATHS."""
    if method not in _METHODS:
        status = HTTPStatus.METHOD_NOT_ALLOWED
        problem = {"code": "method_not_allowed", "message": status.phrase}
        return _response(status, problem, allow=", ".join(_METHODS))
    if path == LIVE or await readiness.ready():
        return _response(HTTPStatus.OK, {"status": "ok"})
    return _response(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "unavailable"}, retry_after=str(RETRY_AFTER))


def _response(status: HTTPStatus, body: dict[str, str], **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response.of(status, json.dumps(body) + "\n", "application/json", named)
