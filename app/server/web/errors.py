"""Errors for programs: JSON in the form that each of them reads, whatever went wrong."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.domain.json_text import read_json
from app.server import log
from app.server.persistence.errors import RETRY_AFTER, NoDatabase

UNAVAILABLE, INTERNAL = "unavailable", "internal"
Form = Callable[[str, str], dict[str, Any]]
"""The body for UNAVAILABLE or INTERNAL and a sentence, in the form of one kind of program."""


def problem(code: str, message: str, status: int) -> tuple[dict[str, str], int]:
    """An error that no vendor and no RFC gives a form, and the status beside it."""
    return {"code": code, "message": message}, status


def no_such_call(error: HTTPException) -> ResponseReturnValue:
    """A wrong method, or a request that cannot be read, in that form."""
    return problem(error.name.lower().replace(" ", "_"), error.name, error.code or 500)


def answer_errors(
    routes: Blueprint,
    form: Form = lambda code, message: {"code": code, "message": message},
    no_such_call: Callable[[HTTPException], ResponseReturnValue] = no_such_call,
) -> None:
    """Answer what `routes` raise in their own form; the unexpected is logged."""
    routes.register_error_handler(HTTPException, no_such_call)

    @routes.errorhandler(NoDatabase)
    def not_now(error: NoDatabase) -> ResponseReturnValue:
        body = form(UNAVAILABLE, "The server cannot use its database at this moment. Try again.")
        return body, 503, {"Retry-After": str(RETRY_AFTER)}

    # The boundary of these routes.
    @routes.errorhandler(Exception)
    def broken(error: Exception) -> ResponseReturnValue:
        log.failure("http.failed", error)
        return form(INTERNAL, "The server could not finish this. Try again in a moment."), 500


def json_object() -> dict[str, Any] | None:
    """The object in the request's body, whatever type the body says it has; None for anything else."""
    try:
        body = read_json(request.get_data())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
