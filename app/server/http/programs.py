"""Errors for programs that no vendor and no RFC gives a form: JSON of a code and a message."""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.server import log
from app.server.database.trouble import RETRY_AFTER, NoDatabase


def problem(code: str, message: str, status: int) -> tuple[dict[str, str], int]:
    """The body, and the status beside it."""
    return {"code": code, "message": message}, status


def no_such_call(error: HTTPException) -> ResponseReturnValue:
    """A wrong method, or a request that cannot be read."""
    return problem(error.name.lower().replace(" ", "_"), error.name, error.code or 500)


def answer_errors(routes: Blueprint) -> None:
    """Give `routes` a gate of their own: a program gets JSON, whatever went wrong."""
    routes.register_error_handler(HTTPException, no_such_call)

    @routes.errorhandler(NoDatabase)
    def not_now(error: NoDatabase) -> ResponseReturnValue:
        answer = problem("unavailable", "the server cannot use its database now, try again", 503)
        return *answer, {"Retry-After": str(RETRY_AFTER)}

    @routes.errorhandler(Exception)
    def broken(error: Exception) -> ResponseReturnValue:
        log.failure("http.failed", error)
        return problem("internal", "the server could not finish this", 500)
