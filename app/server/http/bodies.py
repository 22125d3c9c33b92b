"""Reading JSON that anybody may have sent."""

from typing import Any

from flask import request


def json_object() -> dict[str, Any] | None:
    """The object in the body, whatever type the body says it has; None when it holds anything else."""
    try:
        body = request.get_json(silent=True, force=True)
    # Python's reader gives up on a thousand brackets in this way; Flask expects ValueError only.
    except RecursionError:
        return None
    return body if isinstance(body, dict) else None
