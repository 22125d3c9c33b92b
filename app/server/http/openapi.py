"""/openapi.json: every HTTP endpoint of this server, as an OpenAPI 3.1 document."""

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app import __version__
from app.server.http.openapi_schemas import PATHS, SCHEMAS, SSO_PATHS
from app.server.oauth import rules


def make_blueprint(public_url: str, sso: bool = False) -> Blueprint:
    """The route. With `sso`, people may come in through an identity provider."""
    routes = Blueprint("openapi", __name__)
    document = describe(public_url, sso)

    @routes.get("/openapi.json")
    def openapi() -> ResponseReturnValue:
        return document

    return routes


def describe(public_url: str, sso: bool = False) -> dict[str, Any]:
    """The document for a server at `public_url`."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Loopin account server",
            "version": __version__,
            "summary": "Sign-in for Chainloop; OAuth 2.0 and the read API for Gumloop.",
            "description": "Tokens and organizations of Chainloop are managed over gRPC.",
        },
        "servers": [{"url": public_url}],
        "paths": PATHS | (SSO_PATHS if sso else {}),
        "components": {"schemas": SCHEMAS, "securitySchemes": _security(public_url)},
    }


def _security(public_url: str) -> dict[str, Any]:
    return {
        "oauth": {
            "type": "oauth2",
            "description": "Authorization code with PKCE S256.",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": f"{public_url}/oauth/authorize",
                    "tokenUrl": f"{public_url}/oauth/token",
                    "refreshUrl": f"{public_url}/oauth/token",
                    "scopes": dict(rules.SCOPES),
                }
            },
        },
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "A gum_… key, together with the user ID in the header x-auth-key.",
        },
        "userId": {"type": "apiKey", "in": "header", "name": "x-auth-key"},
        "person": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A person's token from /auth/login.",
        },
        "operator": {"type": "http", "scheme": "bearer", "description": "The secret of that endpoint."},
    }
