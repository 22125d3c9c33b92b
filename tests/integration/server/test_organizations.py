"""Status, context, memberships and settings over gRPC."""

from typing import Any
from uuid import uuid4

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import app
from tests.integration.server.callers import Caller, refusal
from tests.integration.server.conftest import Cast
from tests.support.databases import ON_BOTH
from tests.support.organizations import Organization
from tests.support.server import AccountServer, ServerFactory, sign_in

OWNER_ROLE, VIEWER_ROLE = 3, 1


def test_infoz_names_the_sign_in_page_and_the_extensions(people: Cast) -> None:
    answer = people("nobody").infoz()
    assert answer.login_url == f"{people.server.http}/auth/login"
    assert answer.version == app.__version__
    assert set(answer.capabilities) == {"token_permissions", "sign_out", "keyless"}


def test_infoz_names_the_public_address(fresh_server: ServerFactory) -> None:
    server = fresh_server("--public-url", "https://accounts.example/", seed="")
    assert Caller(server).infoz().login_url == "https://accounts.example/auth/login"


@ON_BOTH
def test_a_person_is_told_who_and_where(people: Cast, account_server: AccountServer) -> None:
    found = Caller(account_server, sign_in(account_server, *account_server.owner)).current()
    assert found.current_user.email == account_server.owner[0]
    assert (found.current_user.first_name, found.current_user.last_name) == ("Ada", "Marsh")
    assert (found.current_membership.org.name, found.current_membership.role) == ("acme", OWNER_ROLE)
    assert found.current_membership.current
    assert people("viewer").current().current_membership.role == VIEWER_ROLE


def test_a_person_without_an_organization_has_no_membership(people: Cast) -> None:
    found = people("loner").current()
    assert found.current_user.email == f"loner@{people.home}.example"
    assert not found.HasField("current_membership")
    assert people("loner").memberships() == []


def test_an_api_token_is_told_its_own_id_and_no_membership(people: Cast) -> None:
    found = people("org token").current()
    assert found.current_user.email == "API-token@chainloop"
    ids = {item.id for item in people("owner").list() if item.name == "cast-organization"}
    assert {found.current_user.id} == ids
    assert not found.HasField("current_membership")


@pytest.mark.parametrize("days", [-1, 366, 2_000_000_000])
def test_a_threshold_outside_the_year_is_refused(people: Cast, days: int) -> None:
    answer = refusal(lambda: people("owner").update(people.home, api_token_max_days_inactive=days))
    assert answer == ("INVALID_ARGUMENT", "invalid api_token_max_days_inactive: use 0 to 365 days")


def test_an_update_that_names_no_organization_is_refused(people: Cast) -> None:
    answer = refusal(lambda: people("owner").update("", api_token_max_days_inactive=30))
    assert answer == ("INVALID_ARGUMENT", "invalid name: the name of the organization in use is needed")


@ON_BOTH
def test_zero_turns_auto_revocation_off_and_the_field_is_absent(organization: Organization) -> None:
    owner, name = Caller(organization.server, organization.owner.bearer), organization.name
    assert owner.update(name, api_token_max_days_inactive=90).api_token_max_days_inactive == 90
    assert owner.current().current_membership.org.api_token_max_days_inactive == 90
    assert owner.update(name, api_token_max_days_inactive=365).api_token_max_days_inactive == 365
    assert not owner.update(name, api_token_max_days_inactive=0).HasField("api_token_max_days_inactive")
    assert not owner.current().current_membership.org.HasField("api_token_max_days_inactive")


@ON_BOTH
def test_every_setting_is_stored_and_the_rest_stays(organization: Organization) -> None:
    owner, name = Caller(organization.server, organization.owner.bearer), organization.name
    owner.update(
        name,
        api_token_max_days_inactive=90,
        block_on_policy_violation=True,
        policies_allowed_hostnames=["a.example", "b.example"],
        update_policies_allowed_hostnames=True,
        prevent_implicit_workflow_creation=True,
        restrict_contract_creation_to_org_admins=True,
        enable_ai_agent_collector=True,
        block_attestations_on_released_versions=True,
        skip_runner_env_vars=True,
    )
    # Host names without the flag beside them are not an order to change them.
    owner.update(name, skip_runner_env_vars=False, policies_allowed_hostnames=["c.example"])
    org = owner.current().current_membership.org
    assert org.default_policy_violation_strategy == 1
    assert list(org.policy_allowed_hostnames) == ["a.example", "b.example"]
    assert org.prevent_implicit_workflow_creation
    assert org.restrict_contract_creation_to_org_admins
    assert org.enable_ai_agent_collector
    assert org.block_attestations_on_released_versions
    assert not org.skip_runner_env_vars
    assert org.api_token_max_days_inactive == 90
    assert org.updated_at.ToDatetime() > org.created_at.ToDatetime()


@ON_BOTH
def test_a_person_with_two_organizations_switches_between_them(
    organization: Organization, other_organization: Organization
) -> None:
    server, (here, there) = organization.server, (organization.name, other_organization.name)
    email = organization.owner.email
    connection = server.database()
    connection.execute(
        "INSERT INTO memberships SELECT ?, u.id, o.id, 'admin', false, o.created_at, o.updated_at"
        " FROM users u, organizations o WHERE u.email = ? AND o.name = ?",
        (uuid4().hex, email, there),
    )
    connection.close()
    jwt = organization.owner.bearer
    owner = Caller(server, jwt)
    assert {(m.org.name, m.current) for m in owner.memberships()} == {(here, True), (there, False)}
    assert Caller(server, jwt, there).current().current_membership.org.name == there
    not_in_use = refusal(lambda: owner.update(there, enable_ai_agent_collector=True))
    assert not_in_use == ("PERMISSION_DENIED", f"organization {there} is not the one in use")
    other = next(m.id for m in owner.memberships() if m.org.name == there)
    assert owner.select(other).current
    assert owner.current().current_membership.org.name == there
    assert refusal(lambda: owner.select("x"))[0] == "INVALID_ARGUMENT"
    assert sum(m.current for m in owner.memberships()) == 1


def test_health_and_reflection_answer_without_a_sign_in(people: Cast) -> None:
    channel: grpc.Channel = people("nobody").channel
    health: Any = health_pb2_grpc.HealthStub(channel)
    answer = health.Check(
        health_pb2.HealthCheckRequest(service="controlplane.v1.APITokenService"), timeout=60
    )
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    make_stub: Any = reflection_pb2_grpc.ServerReflectionStub
    stub = make_stub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    services = next(
        iter(stub.ServerReflectionInfo(iter([request]), timeout=60))
    ).list_services_response.service
    assert {
        f"controlplane.v1.{n}Service" for n in ("APIToken", "Context", "Organization", "Status", "User")
    } <= {service.name for service in services}


def test_a_bearer_that_is_garbage_is_invalid_and_never_a_failure(people: Cast) -> None:
    before = len(people.server.errors)
    for bearer in ("x", "a.b.c", "e30.e30.e30", "." * 50, "x" * 9000):
        assert refusal(Caller(people.server, bearer).current) == ("UNAUTHENTICATED", "Token is invalid")
    assert "rpc.failed" not in people.server.errors[before:]
