"""POST /federated/verify: another control plane asks whether a federated token is good, and whose it is."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app.domain.errors import TokenRejected, Unreachable
from app.domain.secret import Secret
from app.server.core.trusted_issuers import JobVerifier
from app.server.persistence.errors import NoDatabase
from app.server.request_headers import bearer_challenge, equal_secrets, read_bearer
from app.server.web.errors import answer_errors, json_object, problem

PATH = "/federated/verify"
MAX_NAME = 63


def make_blueprint(verify: JobVerifier, secret: str) -> Blueprint:
    """The route; without a `secret` it answers 404, as if it were not there."""
    routes = Blueprint("federation", __name__)

    @routes.post(PATH)
    def federated_verify() -> ResponseReturnValue:
        if not secret:
            return problem("not_found", "this server verifies no federated tokens for others", 404)
        authorization = request.headers.get("Authorization", "")
        if not equal_secrets(read_bearer(authorization), secret):
            answer = problem("unauthenticated", "the federation secret is missing or wrong", 401)
            return *answer, {"WWW-Authenticate": bearer_challenge(authorization)}
        body = json_object() or {}
        token, organization = body.get("token"), body.get("org_name", "")
        if not isinstance(token, str) or not isinstance(organization, str) or len(organization) > MAX_NAME:
            return problem("invalid", 'send {"token": "…", "org_name": "…"}', 400)
        return _verified(verify, token, organization)

    answer_errors(routes)
    return routes


def _verified(verify: JobVerifier, token: str, organization: str) -> ResponseReturnValue:
    if not token:
        return problem("empty", "the token is empty", 403)
    try:
        found = verify.verify_blocking(Secret(token), organization)
    except TokenRejected as error:
        return problem(error.code, error.message, 403)
    except NoDatabase:
        # It is a kind of Unreachable, but it is not the issuer's.
        raise
    except Unreachable as error:
        return problem("issuer_unavailable", error.message, 503)
    answer = {
        "issuerUrl": found.issuer,
        "repository": found.repository,
        "orgId": str(found.organization_id),
        "orgName": found.organization_name,
    }
    if found.project_id is not None:
        answer |= {"projectId": str(found.project_id), "projectName": found.project_name}
    return answer
