"""A CI job at the gRPC side: its own context, and nothing else."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import Unreachable
from app.domain.secret import Secret
from app.oidc.http import Fetcher
from app.server.clock import utc_now
from app.server.core import trusted_issuers as federation
from app.server.core.trusted_issuers import TrustedIssuers
from app.server.persistence.engine import Database
from app.server.settings import ServerSettings
from tests.integration.keyless.conftest import OPERATOR, Trust, add_issuer
from tests.integration.server.callers import Caller, refusal
from tests.support import databases
from tests.support.claims import FromNow
from tests.support.databases import ON_BOTH
from tests.support.issuer import DISCOVERY, JWKS, Issuer, gitlab_claims, rsa_key
from tests.support.organizations import Organization, add_organization
from tests.support.server import AccountServer, ServerFactory, sign_in
from tests.unit.keyless.tokens import forged_hs256, raw

PATIENCE = 30.0


def current(plane: AccountServer, token: Secret | str, organization: str = "") -> tuple[str, str]:
    """What the server says to that bearer."""
    bearer = token.reveal() if isinstance(token, Secret) else token
    caller = Caller(plane, bearer, organization)
    try:
        return refusal(caller.current)
    finally:
        caller.channel.close()


@ON_BOTH
def test_a_trusted_job_reads_which_organization_it_stands_for(
    plane: AccountServer, organization: Organization, issuer: Issuer, trust: Trust
) -> None:
    """The organization as a membership; no user, no role, no person."""
    trust()
    Caller(plane, organization.owner.bearer).update(organization.name, api_token_max_days_inactive=90)
    caller = Caller(plane, issuer.token().reveal())
    result = caller.current()
    assert result.current_membership.org.name == organization.name
    assert result.current_membership.org.api_token_max_days_inactive == 90
    assert not result.HasField("current_user")
    assert (result.current_membership.id, result.current_membership.role) == ("", 0)
    assert not result.current_membership.HasField("user")
    caller.channel.close()


CALLS: dict[str, Callable[[Caller, str], Any]] = {
    "ListMemberships": lambda caller, _: caller.memberships(),
    "SetCurrentMembership": lambda caller, _: caller.select("x"),
    "Update": lambda caller, own: caller.update(own, api_token_max_days_inactive=1),
    "Create": lambda caller, _: caller.create("from-ci"),
    "List": lambda caller, _: caller.list(),
    "Revoke": lambda caller, _: caller.revoke("x"),
}


@pytest.mark.parametrize("call", CALLS)
def test_nothing_else_is_open_to_it(
    organization: Organization, issuer: Issuer, trust: Trust, call: str
) -> None:
    """Neither reading nor changing, not even in its own organization."""
    trust()
    caller = Caller(organization.server, issuer.token().reveal(), organization.name)
    assert refusal(lambda: CALLS[call](caller, organization.name)) == (
        "PERMISSION_DENIED",
        "operation not allowed: a CI identity may only read its own context",
    )
    caller.channel.close()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"aud": "elsewhere"}, 'the token is for "elsewhere", not for chainloop'),
        ({"exp": FromNow(-90)}, "the token ended at"),
        ({"exp": None}, "does not say when it ends"),
        ({"nbf": FromNow(900)}, "is not valid yet"),
        ({"iss": "https://evil.example"}, "nobody here trusts the issuer https://evil.example"),
        ({"iss": None}, "does not say who issued it"),
        ({"project_path": "acme-evil/web"}, "this job is not: its project_path is acme-evil/web"),
        ({"project_path": "ACME/web"}, "its project_path is ACME/web"),
        ({"project_path": ["acme/web"]}, "this job is not: its project_path"),
        ({"project_path": None}, "its project_path is nothing"),
        ({"padding": "x" * 13_000}, "at most 16384 are read"),
    ],
)
def test_a_bad_token_is_refused_with_its_own_sentence(
    plane: AccountServer, issuer: Issuer, trust: Trust, changes: dict[str, Any], said: str
) -> None:
    """Always UNAUTHENTICATED: it proves nothing."""
    trust()
    code, message = current(plane, issuer.gitlab(**changes))
    assert (code, said in message) == ("UNAUTHENTICATED", True), message


def test_forged_tokens_are_refused(plane: AccountServer, issuer: Issuer, trust: Trust) -> None:
    """Another's key, no signature, the public key as a secret, cut off, another algorithm."""
    trust()
    claims = gitlab_claims(issuer.name)
    stolen = Issuer(issuer.url, key=rsa_key(1)).token(claims, header={"kid": "rsa-0"})
    expected = {
        stolen.reveal(): "the signature does not fit",
        raw({"alg": "none"}, claims).reveal(): "not signed (alg none)",
        raw({"alg": "RS512", "kid": "rsa-0"}, claims, b"x" * 256).reveal(): "signed with RS512",
        forged_hs256(claims, rsa_key(0)).reveal(): "Token is invalid",
        issuer.token().reveal()[:-20]: "the signature does not fit",
        issuer.token().reveal().rpartition(".")[0]: "not a signed JWT",
    }
    for token, said in expected.items():
        code, message = current(plane, token)
        assert (code, said in message) == ("UNAUTHENTICATED", True), message


def test_made_up_key_ids_do_not_make_the_server_ask_again(
    plane: AccountServer, issuer: Issuer, trust: Trust
) -> None:
    """One read of the keys, however many tokens arrive."""
    trust()
    assert current(plane, issuer.token())[0] == "OK"
    issuer.key = rsa_key(1)
    for _ in range(5):
        assert "does not publish the key 'rsa-1'" in current(plane, issuer.token())[1]
    assert issuer.asked == [DISCOVERY, JWKS]


@ON_BOTH
def test_the_organization_is_named_or_the_only_one(
    plane: AccountServer, organization: Organization, issuer: Issuer, trust: Trust
) -> None:
    """Another's organization does not open because mine trusts the same CI system."""
    trust()
    other = add_organization(plane, organization.database).name
    assert current(plane, issuer.token(), organization.name)[0] == "OK"
    for stranger in (other, "no-such-organization"):
        expected = f"organization {stranger} does not trust the issuer {issuer.name}"
        assert current(plane, issuer.token(), stranger) == ("UNAUTHENTICATED", expected)
    trust(other, ref="main")
    assert "several organizations trust this job" in current(plane, issuer.token())[1]
    assert current(plane, issuer.token(), other)[0] == "OK"
    assert current(plane, issuer.gitlab(ref="topic"))[0] == "OK"


def test_every_condition_of_one_issuer_must_fit_and_another_is_an_alternative(
    plane: AccountServer, issuer: Issuer, trust: Trust
) -> None:
    """And, or."""
    trust(project_path="acme/*", ref="main")
    assert current(plane, issuer.token())[0] == "OK"
    assert "its ref is topic" in current(plane, issuer.gitlab(ref="topic"))[1]
    trust(project_path="acme/web", ref="topic")
    assert current(plane, issuer.gitlab(ref="topic"))[0] == "OK"


def test_an_audience_of_one_rule_does_not_open_another(
    plane: AccountServer, issuer: Issuer, trust: Trust
) -> None:
    """Each issuer is added with its own."""
    trust(audience="special", project_path="acme/ml")
    trust(project_path="acme/web")
    assert current(plane, issuer.gitlab(aud="special", project_path="acme/ml"))[0] == "OK"
    assert current(plane, issuer.gitlab(aud="special"))[0] == "UNAUTHENTICATED"


@ON_BOTH
def test_a_removed_issuer_is_refused_at_once(
    plane: AccountServer, organization: Organization, issuer: Issuer, trust: Trust
) -> None:
    """Although its keys are still remembered; and the trail knows of both acts."""
    added = trust()
    assert current(plane, issuer.token())[0] == "OK"
    TrustedIssuers(organization.database, utc_now).remove_issuer(OPERATOR, str(added.issuer.id))
    assert "nobody here trusts" in current(plane, issuer.token())[1]
    with plane.database() as connection:
        query = "SELECT action FROM audit_events WHERE target_id = ? ORDER BY id"
        acts = [row[0] for row in connection.execute(query, (added.issuer.id.hex,))]
    assert acts == ["issuer.add", "issuer.remove"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, {}, b""), "is out of order"),
        ((200, {}, b"<html>"), "not a JSON object"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "sends us on to another host"),
        ((200, {}, b" " * 1_100_000), "more than 1 MiB"),
    ],
)
def test_an_issuer_that_fails_is_told_apart_from_a_bad_token(
    plane: AccountServer, issuer: Issuer, trust: Trust, answer: tuple[int, dict[str, str], bytes], said: str
) -> None:
    """UNAVAILABLE, so that a client may try again; and nobody gets in meanwhile."""
    trust()
    issuer.answers[DISCOVERY] = answer
    code, message = current(plane, issuer.token())
    assert code == "UNAVAILABLE"
    assert message.startswith("the keys of the issuer cannot be read: ")
    assert said in message


def test_a_silent_issuer_is_given_up_and_then_left_alone(
    organization: Organization, issuer: Issuer, trust: Trust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not asked again for the next token, which so waits for nobody."""
    monkeypatch.setattr(federation, "Fetcher", partial(Fetcher, patience=2))
    verify = federation.JobVerifier(organization.database, ServerSettings(tmp_path), utc_now)
    trust()
    issuer.held_paths = {DISCOVERY}
    for _ in range(2):
        with pytest.raises(Unreachable, match=r"the keys .* cannot be read: .* did not answer within 2 s"):
            verify.verify_blocking(issuer.token(), organization.name)
    assert issuer.asked == [DISCOVERY]


def test_an_issuer_that_does_not_answer_holds_few_threads(
    organization: Organization, issuer: Issuer, trust: Trust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over HTTP, where each request has one."""
    monkeypatch.setattr(federation, "MAX_VERIFYING", 1)
    monkeypatch.setattr(federation, "PATIENCE", 0.0)
    verify = federation.JobVerifier(organization.database, ServerSettings(tmp_path), utc_now)
    trust()
    issuer.held_paths = {DISCOVERY}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(verify.verify_blocking, issuer.token(), organization.name)
        assert issuer.was_asked.wait(PATIENCE)
        with pytest.raises(Unreachable, match="many CI tokens are being verified"):
            verify.verify_blocking(issuer.token(), organization.name)
        issuer.hold.set()
        assert waiting.result(PATIENCE).organization_name == organization.name


def test_an_issuer_that_does_not_answer_holds_no_worker(fresh_server: ServerFactory, issuer: Issuer) -> None:
    server = fresh_server(constants={"app.server.rpc.server.WORKERS": 1})
    with closing(Database(databases.url_of(server.data))) as database:
        add_issuer(database, issuer, "acme")
    issuer.held_paths = {DISCOVERY}
    owner = Caller(server, sign_in(server, *server.owner))
    jobs = [Caller(server, issuer.gitlab(jti=f"job-{n}").reveal()) for n in range(3)]
    with ThreadPoolExecutor(len(jobs)) as pool:
        waiting = [pool.submit(job.current) for job in jobs]
        assert issuer.was_asked.wait(PATIENCE)
        assert owner.current().current_user.email == server.owner[0]
        assert not any(call.done() for call in waiting)
        issuer.hold.set()
        assert {call.result(PATIENCE).current_membership.org.name for call in waiting} == {"acme"}
    assert issuer.asked == [DISCOVERY, JWKS]


def test_a_public_server_never_asks_its_own_machine(fresh_server: ServerFactory, issuer: Issuer) -> None:
    """Although somebody made the organization trust it (CWE-918)."""
    server = fresh_server("--public-url", "https://accounts.example")
    database = Database(databases.url_of(server.data))
    add_issuer(database, issuer, "acme")
    database.close()
    code, message = current(server, issuer.token())
    assert code == "UNAVAILABLE"
    assert "must begin with https" in message
    assert issuer.asked == []


def test_no_token_is_ever_logged(fresh_server: ServerFactory, issuer: Issuer) -> None:
    """Neither a good nor a refused one, at the most talkative level."""
    server = fresh_server("--log-level", "debug")
    database = Database(databases.url_of(server.data))
    add_issuer(database, issuer, "acme")
    database.close()
    tokens = {issuer.token(): "OK", issuer.gitlab(exp=1): "UNAUTHENTICATED"}
    for token, code in tokens.items():
        assert current(server, token)[0] == code
    assert "rpc.arrived" in server.errors
    for token in tokens:
        assert all(part not in server.errors for part in token.reveal().split("."))
