"""/auth/logout: a program ends the session of the token that it shows, or all that the person began."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app.domain.errors import NotSignedIn
from app.server.bearer import bearer_in, challenge
from app.server.http import programs
from app.server.http.bodies import json_object
from app.server.http.visitor import Visitor
from app.server.parts import Parts

PATH = "/auth/logout"


def make_blueprint(parts: Parts) -> Blueprint:
    """The route. It takes a bearer token, not a cookie: no other site can send it."""
    routes = Blueprint("logout", __name__)
    visitor = Visitor(parts)

    @routes.post(PATH)
    def logout() -> ResponseReturnValue:
        body = json_object() if request.data else {}
        if body is None or not isinstance(everywhere := body.get("everywhere", False), bool):
            return programs.problem("invalid", 'send {"everywhere": true} or {"everywhere": false}', 400)
        authorization = request.headers.get("Authorization", "")
        try:
            ended = parts.sign_out.do(bearer_in(authorization), everywhere, visitor.address)
        except NotSignedIn as error:
            answer = programs.problem("unauthenticated", error.message, 401)
            return *answer, {"WWW-Authenticate": challenge(authorization)}
        return {"sessions": ended.sessions, "programs": ended.grants} if everywhere else ("", 204)

    programs.answer_errors(routes)
    return routes
