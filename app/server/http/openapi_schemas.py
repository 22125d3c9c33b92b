"""The paths and schemas of the OpenAPI document. A test compares the paths with the routes."""

from typing import Any

_Json = dict[str, Any]


def _ref(name: str) -> _Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: str = "", **properties: _Json) -> _Json:
    return {"type": "object", "properties": properties, "required": required.split()}


def _list(item: _Json) -> _Json:
    return {"type": "array", "items": item}


_TEXT: _Json = {"type": "string"}
_NAMED = _object("id name", id={"type": "string", "format": "uuid"}, name=_TEXT)

SCHEMAS: _Json = {
    "Token": _object(
        "access_token token_type",
        access_token=_TEXT,
        refresh_token=_TEXT,
        expires_in={"type": "integer", "description": "seconds"},
        token_type={"const": "Bearer"},
        scope=_TEXT,
    ),
    "OAuthError": _object("error", error=_TEXT, error_description=_TEXT),
    "Federated": _object(
        "issuerUrl repository orgId orgName",
        issuerUrl=_TEXT,
        repository=_TEXT,
        orgId=_TEXT,
        orgName=_TEXT,
        projectId=_TEXT,
        projectName=_TEXT,
    ),
    "UserInfo": _object("sub email name", sub=_TEXT, email=_TEXT, name=_TEXT),
    "Models": _object(
        "model_groups",
        model_groups=_list(
            _object(
                "groupLabel options",
                groupLabel=_TEXT,
                options=_list(_object("value label status", value=_TEXT, label=_TEXT, status=_TEXT)),
            )
        ),
    ),
    "Teams": _object("teams", teams=_list(_NAMED)),
    "Organizations": _object("organizations", organizations=_list(_NAMED)),
    "ApiError": _object(
        "error",
        error=_object(
            "code message type",
            code=_TEXT,
            message=_TEXT,
            type=_TEXT,
            param={"type": ["string", "null"]},
            details={"type": ["object", "null"]},
        ),
    ),
    "Ended": _object("sessions programs", sessions={"type": "integer"}, programs={"type": "integer"}),
    "AuthError": _object("code message", code=_TEXT, message=_TEXT),
}


def _answer(text: str, schema: str = "", media: str = "application/json") -> _Json:
    if not schema:
        return {"description": text}
    content = {"type": "string"} if schema == "html" else _ref(schema)
    return {"description": text, "content": {media: {"schema": content}}}


def _page(text: str) -> _Json:
    return _answer(text, "html", "text/html")


def _query(*names: str, required: str = "") -> list[_Json]:
    must = required.split()
    return [{"name": n, "in": "query", "required": n in must, "schema": _TEXT} for n in names]


def _form(required: str, *optional: str) -> _Json:
    fields = dict.fromkeys((*required.split(), *optional), _TEXT)
    media = {"application/x-www-form-urlencoded": {"schema": _object(required, **fields)}}
    return {"required": True, "content": media}


# Said by the listener, before anybody reads the body (framing.py).
_NO_BODY = {
    code: {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}
    for code, text in (("411", "The length of the body is not told"), ("413", "The body is too large"))
}


def _operation(summary: str, answers: dict[str, _Json], **more: Any) -> _Json:
    if "requestBody" in more:
        answers = answers | _NO_BODY
    return {"summary": summary, "responses": answers, **more}


def _not_now(schema: str) -> _Json:
    return {"503": _answer("The database cannot be used now; Retry-After says when to ask again", schema)}


def _read(summary: str, schema: str) -> _Json:
    answers = {"200": _answer("Found", schema), **_not_now("ApiError")}
    answers |= {code: _answer("Refused", "ApiError") for code in ("400", "401", "403")}
    security: list[_Json] = [{"oauth": ["gumloop_api"]}, {"apiKey": [], "userId": []}]
    return {"get": _operation(summary, answers, parameters=_query("team_id"), security=security)}


_BAD = {"400": _answer("Malformed or refused", "OAuthError"), **_not_now("OAuthError")}
_UNKNOWN = _BAD | {"401": _answer("The client did not authenticate", "OAuthError")}
_BACK = {"303": _answer("On to the next page")}
_SIGN_IN = _form("email password csrf_token")
_REQUEST = _query(
    *("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge"),
    "code_challenge_method",
    required="response_type client_id redirect_uri code_challenge code_challenge_method",
)
_STALE = {"400": _page("The form is not ours, or not complete")}
_WRONG = {**_STALE, "401": _page("Wrong"), "429": _page("Too many attempts")}
_USERINFO = _operation(
    "Whose access token it is",
    {
        "200": _answer("The person", "UserInfo"),
        "401": _answer("No valid token", "OAuthError"),
        **_not_now("OAuthError"),
    },
    security=[{"oauth": ["userinfo"]}],
)

_FEDERATED_ERRORS = {
    "400": "Not the body that is expected",
    "401": "The federation secret is missing or wrong",
    "403": "The token is refused; `code` names the rule",
    "404": "This server does not verify for others",
    "503": "The issuer's keys, or the database, cannot be read now",
}
_READY: _Json = {
    "get": _operation("Whether requests can be served", {"200": _answer("Yes"), "503": _answer("No")})
}
PATHS: _Json = {
    "/": {"get": _operation("What this server is, and how to sign in to it", {"200": _page("The page")})},
    "/livez": {"get": _operation("Whether the process runs", {"200": _answer("Yes")})},
    "/readyz": _READY,
    "/healthz": _READY,
    "/metrics": {"get": _operation("Numbers about this server, for Prometheus", {"200": _answer("Metrics")})},
    "/openapi.json": {"get": _operation("This document", {"200": _answer("OpenAPI 3.1")})},
    "/.well-known/oauth-authorization-server": {
        "get": _operation("Metadata of the authorization server (RFC 8414)", {"200": _answer("Metadata")})
    },
    "/auth/login": {
        "get": _operation(
            "Sign-in page for Chainloop",
            {"200": _page("The form"), "400": _page("The callback leads elsewhere")},
            parameters=_query("callback", "long-lived"),
        ),
        "post": _operation("Sign in", {"200": _page("The token"), **_BACK, **_WRONG}, requestBody=_SIGN_IN),
    },
    "/auth/logout": {
        "post": _operation(
            "End this session, or all of the person's and the programs that they allowed",
            {
                "200": _answer("Ended everywhere: how many of each. API keys stay valid", "Ended"),
                "204": _answer("This session ended"),
                "400": _answer("Not the body that is expected", "AuthError"),
                "401": _answer("Not signed in", "AuthError"),
                **_not_now("AuthError"),
            },
            security=[{"person": []}],
            requestBody={
                "content": {"application/json": {"schema": _object("", everywhere={"type": "boolean"})}}
            },
        )
    },
    "/federated/verify": {
        "post": _operation(
            "Verify a CI system's token for another control plane",
            {
                "200": _answer("Valid: who trusts it", "Federated"),
                **{code: _answer(text, "AuthError") for code, text in _FEDERATED_ERRORS.items()},
            },
            security=[{"operator": []}],
            requestBody={
                "content": {"application/json": {"schema": _object("token", token=_TEXT, org_name=_TEXT)}}
            },
        )
    },
    "/account": {"get": _operation("On to the keys", _BACK)},
    "/account/sign-in": {
        "get": _operation("Sign-in page", {"200": _page("The form")}, parameters=_query("next")),
        "post": _operation("Sign in", {**_BACK, **_WRONG}, requestBody=_SIGN_IN),
    },
    "/account/sign-out": {"post": _operation("Sign out", _BACK | _STALE, requestBody=_form("csrf_token"))},
    "/account/keys": {
        "get": _operation("User ID and API keys", {"200": _page("The page"), **_BACK}),
        "post": _operation(
            "Create or replace a key; it is shown once",
            {"200": _page("The key"), **_BACK, **_STALE, "403": _page("Not allowed")},
            requestBody=_form("csrf_token", "team"),
        ),
    },
    "/account/keys/delete": {
        "post": _operation(
            "Delete a key",
            {**_BACK, **_STALE, "403": _page("Not allowed")},
            requestBody=_form("csrf_token", "team"),
        ),
    },
    "/account/sessions": {
        "get": _operation("Sessions, and allowed programs", {"200": _page("The page"), **_BACK}),
        "post": _operation(
            "End one of them, or all others and with `keys` the API key",
            {**_BACK, **_STALE, "404": _page("It has ended already")},
            requestBody=_form("csrf_token", "session", "grant", "keys"),
        ),
    },
    "/account/password": {
        "get": _operation(
            "Password page", {"200": _page("The form"), **_BACK, "403": _page("There is none")}
        ),
        "post": _operation(
            "Change one's own password",
            {**_BACK, **_STALE, "403": _page("Wrong, or there is none"), "429": _page("Too many attempts")},
            requestBody=_form("csrf_token current new again"),
        ),
    },
    "/oauth/authorize": {
        "get": _operation(
            "Ask a person for access (RFC 6749 §4.1, RFC 7636)",
            {"200": _page("Allow or deny"), **_BACK, "400": _page("The client is not known")},
            parameters=_REQUEST,
        ),
        "post": _operation(
            "Allow or deny",
            {"303": _answer("Back to the client with code, state and iss"), **_STALE},
            parameters=_REQUEST,
            requestBody=_form("csrf_token account decision"),
        ),
    },
    "/oauth/token": {
        "post": _operation(
            "Exchange a code or a refresh token (RFC 6749 §4.1.3, §6)",
            {"200": _answer("Tokens", "Token"), **_UNKNOWN},
            requestBody=_form(
                "grant_type", "client_id", "code", "redirect_uri", "code_verifier", "refresh_token", "scope"
            ),
        )
    },
    "/oauth/revoke": {
        "post": _operation(
            "End a token (RFC 7009)",
            {"200": _answer("It does not work any more, or never did"), **_UNKNOWN},
            requestBody=_form("token", "client_id", "token_type_hint"),
        )
    },
    "/oauth/userinfo": {"get": _USERINFO, "post": _USERINFO},
    "/api/v1/models": _read("The models", "Models"),
    "/api/v1/teams": _read("The teams that the caller reaches", "Teams"),
    "/api/v1/organizations": _read("The caller's organizations; not with a team's key", "Organizations"),
}
# Where an identity provider is set.
SSO_PATHS: _Json = {
    "/auth/sso": {
        "post": _operation(
            "Out to the identity provider",
            {
                "200": _page("A page that leads there"),
                "400": _page("The form is not ours"),
                "429": _page("Too many sign-ins at once"),
                "502": _page("The provider could not be understood"),
                "503": _page("The provider does not answer"),
            },
            requestBody=_form("csrf_token place"),
        )
    },
    "/auth/sso/callback": {
        "get": _operation(
            "Back from the identity provider (OpenID Connect Core 1.0 §3.1)",
            {
                "200": _page("The token, or a page that leads to the program"),
                **_BACK,
                "400": _page("Not begun in this browser"),
                "403": _page("Not let in"),
                "429": _page("Too many sign-ins at once"),
                "502": _page("The provider could not be understood"),
                "503": _page("The provider does not answer"),
            },
            parameters=_query("code", "state", "iss", "error", required="state"),
        )
    },
}
