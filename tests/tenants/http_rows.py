"""What each HTTP route is asked, aimed at an organization. A route without a row fails the test.

Codes, OAuth tokens and keys are secrets: whoever holds one is its owner, so a row sends the other side's ids
and names in their place, never their secrets.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.oauth import CLIENT, Proof, request_for
from tests.tenants.tenants import Tenant


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `page` is where its form is: the CSRF token of that page is sent along."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    page: str = ""


Row = Callable[[Tenant], Sequence[Ask]]


def _get(path: str, **params: str) -> Row:
    return lambda _: [Ask("GET", path, params)]


def _words(at: Tenant) -> list[str]:
    return [at.name, at.id, at.project[0], at.team[0], at.owner.user_id, at.tokens["organization token"]]


def _teams(path: str) -> Row:
    def asked(at: Tenant) -> list[Ask]:
        named = [{}, {"team_id": at.team[0]}, {"team_id": at.id}]
        as_them = {"x-auth-key": at.owner.user_id}
        return [Ask("GET", path, params, headers=h) for params in named for h in ({}, as_them)]

    return asked


def _oauth(path: str, *names: str) -> Row:
    """Each word in each parameter."""

    def asked(at: Tenant) -> list[Ask]:
        common = {"client_id": CLIENT, "grant_type": "refresh_token", "redirect_uri": "http://127.0.0.1:1/"}
        return [Ask("POST", path, form={**common, name: word}) for name in names for word in _words(at)]

    return asked


def _consent(at: Tenant) -> list[Ask]:
    params = request_for(Proof())
    forms = [{"account": word, "decision": "allow"} for word in (at.owner.user_id, at.owner.email)]
    return [Ask("POST", "/oauth/authorize", params, form, page="/oauth/authorize") for form in forms]


def _keys(at: Tenant) -> list[Ask]:
    words = [*_words(at)[:3], at.spare[0], *_words(at)[4:]]
    return [Ask("POST", "/account/keys", form={"team": word}, page="/account/keys") for word in words]


def _places(path: str, name: str) -> Row:
    """Sign-in pages, told where to go on to; they show nothing of anybody."""
    return lambda at: [Ask("GET", path, {name: f"http://127.0.0.1:1/{at.id}"}), Ask("GET", path)]


def _enter(path: str) -> Row:
    # Without a password: who may enter is another test's question, and a try of theirs is theirs to know.
    return lambda _: [Ask("POST", path, form={"email": "", "password": ""}, page=path)]


ROWS: Mapping[tuple[str, str], Row] = {
    ("GET", "/"): _get("/"),
    ("GET", "/livez"): _get("/livez"),
    ("GET", "/readyz"): _get("/readyz"),
    ("GET", "/healthz"): _get("/healthz"),
    ("GET", "/metrics"): _get("/metrics"),
    ("GET", "/openapi.json"): _get("/openapi.json"),
    ("GET", "/.well-known/oauth-authorization-server"): _get("/.well-known/oauth-authorization-server"),
    ("GET", "/auth/login"): _places("/auth/login", "callback"),
    ("POST", "/auth/login"): _enter("/auth/login"),
    ("POST", "/auth/logout"): lambda at: [
        Ask("POST", "/auth/logout", json={"everywhere": everywhere, "user_id": at.owner.user_id})
        for everywhere in (False, True)
    ],
    ("GET", "/account"): _get("/account"),
    ("GET", "/account/sign-in"): _places("/account/sign-in", "next"),
    ("POST", "/account/sign-in"): _enter("/account/sign-in"),
    ("POST", "/account/sign-out"): lambda _: [Ask("POST", "/account/sign-out", page="/account/keys")],
    ("GET", "/account/keys"): lambda at: [Ask("GET", "/account/keys", {"team": at.team[0]})],
    ("POST", "/account/keys"): _keys,
    ("POST", "/account/keys/delete"): lambda at: [
        replace(ask, path="/account/keys/delete") for ask in _keys(at)
    ],
    ("GET", "/account/sessions"): lambda at: [Ask("GET", "/account/sessions", {"user_id": at.owner.user_id})],
    ("POST", "/account/sessions"): lambda at: [
        Ask("POST", "/account/sessions", form={name: word}, page="/account/keys")
        for name in ("session", "grant")
        for word in _words(at)
    ],
    ("GET", "/account/password"): _get("/account/password"),
    ("POST", "/account/password"): lambda at: [
        Ask("POST", "/account/password", form={"email": at.owner.email}, page="/account/keys")
    ],
    ("GET", "/oauth/authorize"): lambda at: [
        Ask("GET", "/oauth/authorize", request_for(Proof(), account=at.owner.user_id))
    ],
    ("POST", "/oauth/authorize"): _consent,
    ("POST", "/oauth/token"): _oauth("/oauth/token", "refresh_token", "code"),
    ("POST", "/oauth/revoke"): _oauth("/oauth/revoke", "token"),
    ("GET", "/oauth/userinfo"): lambda at: [Ask("GET", "/oauth/userinfo", {"sub": at.owner.user_id})],
    ("POST", "/oauth/userinfo"): lambda at: [Ask("POST", "/oauth/userinfo", form={"sub": at.owner.user_id})],
    ("GET", "/api/v1/models"): _teams("/api/v1/models"),
    ("GET", "/api/v1/teams"): _teams("/api/v1/teams"),
    ("GET", "/api/v1/organizations"): _teams("/api/v1/organizations"),
    ("POST", "/federated/verify"): lambda at: [
        Ask("POST", "/federated/verify", json={"token": "x.y.z", "org_name": at.name})
    ],
}
# These end the credential that they are sent with, so they come last.
LAST = (("POST", "/account/sign-out"), ("POST", "/auth/logout"))
