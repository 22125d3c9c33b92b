"""The HTTP endpoints of this server as an OpenAPI 3.1 document, generated from the table in openapi.txt."""

from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from app import __version__
from app.server.core import grants

_Json = dict[str, Any]
_TABLE = Path(__file__).with_suffix(".txt")
_READ: list[_Json] = [{"oauth": [grants.API_SCOPE]}, {"apiKey": [], "userId": []}]
_SECURITY = {"api": _READ, "userinfo": [{"oauth": [grants.USERINFO_SCOPE]}]}
# All other properties and parameters are strings.
_TYPES: _Json = {name: {"type": "integer"} for name in ("expires_in", "sessions", "programs")} | {
    "everywhere": {"type": "boolean"},
    "id": {"type": "string", "format": "uuid"},
    "token_type": {"const": "Bearer"},
    "param": {"type": ["string", "null"]},
    "details": {"type": ["object", "null"]},
}


def _object(names: str, **types: _Json) -> _Json:
    fields = {name.rstrip("!"): name.endswith("!") for name in names.split()}
    properties = {name: types.get(name) or _TYPES.get(name, {"type": "string"}) for name in fields}
    return {"type": "object", "properties": properties, "required": [name for name in fields if fields[name]]}


def _list(names: str, **types: _Json) -> _Json:
    return {"type": "array", "items": _object(names, **types)}


_MODELS = _list("groupLabel! options!", options=_list("value! label! status!"))
_SCHEMAS = {
    "Token": _object("access_token! token_type! refresh_token expires_in scope"),
    "UserInfo": _object("sub! email! name!"),
    "OAuthError": _object("error! error_description"),
    "Models": _object("model_groups!", model_groups=_MODELS),
    "Teams": _object("teams!", teams=_list("id! name!")),
    "Organizations": _object("organizations!", organizations=_list("id! name!")),
    "ApiError": _object("error!", error=_object("code! message! type! param details")),
    "Federated": _object("issuerUrl! repository! orgId! orgName! projectId projectName"),
    "Ended": _object("sessions! programs!"),
    "Error": _object("code! message!"),
}


@cache
def describe(public_url: str, sso: bool = False) -> _Json:
    """The document of a server at `public_url`; with `sso`, of one that has an identity provider."""
    paths: _Json = {}
    for line in _TABLE.read_text("utf-8").splitlines():
        route, *cells = (cell.strip() for cell in line.split("|"))
        if not line.startswith("#") and (sso or "/auth/sso" not in route):
            method, path = route.split()
            paths.setdefault(path, {})[method.lower()] = _operation(*cells)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Loopin account server",
            "version": __version__,
            "summary": "Sign-in for Chainloop; OAuth 2.0 and the read API for Gumloop.",
            "description": "Tokens and organizations of Chainloop are managed over gRPC.",
        },
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {"schemas": _SCHEMAS, "securitySchemes": _security(public_url)},
    }


def _operation(statuses: str, request: str, security: str, summary: str) -> _Json:
    *single, common = (statuses if ":" in statuses else f"{statuses} :").split()
    answers = {}
    for each in single:
        status, colon, schema = each.partition(":")
        answers[status] = _answer(status, schema if colon else common[1:])
    operation: _Json = {"summary": summary, "responses": answers}
    query, _, form = request.partition("form ")
    place, _, names = query.partition(" ")
    if place == "query":
        fields = _object(names)
        operation["parameters"] = [
            {"name": name, "in": "query", "required": name in fields["required"], "schema": schema}
            for name, schema in fields["properties"].items()
        ]
    if form or place == "json":
        media = "application/x-www-form-urlencoded" if form else "application/json"
        content = {media: {"schema": _object(form or names)}}
        operation["requestBody"] = {"required": bool(form), "content": content}
        # Answered by the listener, before the body is read.
        answers |= {status: _answer(status, "") for status in ("411", "413")}
    if security:
        operation["security"] = _SECURITY.get(security, [{security: []}])
    return operation


def _answer(status: str, schema: str) -> _Json:
    answer: _Json = {"description": HTTPStatus(int(status)).phrase}
    if schema == "page":
        answer["content"] = {"text/html": {"schema": {"type": "string"}}}
    elif schema:
        answer["content"] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return answer


def _security(public_url: str) -> _Json:
    urls = {"tokenUrl": f"{public_url}/oauth/token", "refreshUrl": f"{public_url}/oauth/token"}
    code = {"authorizationUrl": f"{public_url}/oauth/authorize", **urls, "scopes": dict(grants.SCOPES)}
    bearer = {"type": "http", "scheme": "bearer"}
    return {
        "oauth": {"type": "oauth2", "flows": {"authorizationCode": code}},
        "apiKey": bearer
        | {"description": "A gum_… key, together with the user ID in the header x-auth-key."},
        "userId": {"type": "apiKey", "in": "header", "name": "x-auth-key"},
        "person": bearer | {"bearerFormat": "JWT", "description": "A person's token from /auth/login."},
        "operator": bearer | {"description": "The secret of that endpoint."},
    }
