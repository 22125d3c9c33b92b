"""Between the control plane's messages and our values."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.chainloop import mapping
from app.domain.errors import BadReply
from app.domain.organizations import OrganizationSettings, Role
from app.domain.tokens import ScopeFilter, StatusFilter, TokenDraft
from app.proto.controlplane.v1 import api_token_pb2, context_pb2, organization_pb2


@given(st.integers(), st.integers())
def test_no_time_stamp_breaks_the_list(seconds: int, nanos: int) -> None:
    stamp = Timestamp(
        seconds=max(min(seconds, 2**63 - 1), -(2**63)), nanos=max(min(nanos, 2**31 - 1), -(2**31))
    )
    assert mapping.moment(stamp).tzinfo is UTC


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001  # made aware below
def test_a_moment_survives_the_wire(naive: datetime) -> None:
    at, stamp = naive.replace(tzinfo=UTC), Timestamp()
    stamp.FromDatetime(at)
    assert mapping.moment(stamp) == at


def test_absent_fields_are_none_and_not_the_epoch() -> None:
    token = mapping.token(api_token_pb2.APITokenItem(id="1", name="n"))
    assert (token.expires_at, token.revoked_at, token.last_used_at, token.project) == (None,) * 4


async def test_a_project_is_a_project_whatever_the_permissions_are_called() -> None:
    """Equal values of a list are shared: a project and a permission list must never be equal."""
    item = api_token_pb2.APITokenItem(id="1", name="n", permissions=["web-id", "web"])
    item.scoped_entity.id, item.scoped_entity.name = "web-id", "web"
    answer = api_token_pb2.APITokenServiceListResponse(result=[item, item]).SerializeToString()
    for token in await mapping.read_token_list(answer):
        assert token.scope == "project/web"
        assert type(token.permissions) is tuple


def test_an_unknown_role_is_told_as_unknown() -> None:
    item = organization_pb2.OrgMembershipItem.FromString(b"\x30\x63")
    assert mapping.membership(item).role is Role.UNKNOWN


def test_an_absent_threshold_is_off() -> None:
    assert mapping.organization(organization_pb2.OrgItem(name="acme")).threshold == 0


def test_the_settings_of_an_organization_arrive() -> None:
    item = organization_pb2.OrgItem(
        default_policy_violation_strategy=organization_pb2.OrgItem.POLICY_VIOLATION_BLOCKING_STRATEGY_BLOCK,
        policy_allowed_hostnames=["policies.example", "b.example"],
        prevent_implicit_workflow_creation=True,
        enable_ai_agent_collector=True,
        block_attestations_on_released_versions=True,
        skip_runner_env_vars=True,
    )
    hosts = ("policies.example", "b.example")
    assert mapping.organization(item).settings == OrganizationSettings(True, hosts, True, True, True, True)
    assert mapping.organization(organization_pb2.OrgItem()).settings == OrganizationSettings()


def test_the_person_of_a_membership_arrives() -> None:
    user = organization_pb2.User(id="u", email="ada@acme.example", instance_admin=True)
    person = mapping.membership(organization_pb2.OrgMembershipItem(user=user)).person
    assert person is not None
    assert (person.email, person.instance_admin) == ("ada@acme.example", True)
    assert mapping.membership(organization_pb2.OrgMembershipItem()).person is None


def test_the_backend_of_artifacts_arrives_where_there_is_one() -> None:
    item = context_pb2.CASBackendItem(
        id="b",
        name="main",
        location="registry.example/acme",
        provider="OCI",
        default=True,
        is_inline=True,
        validation_status=context_pb2.CASBackendItem.VALIDATION_STATUS_INVALID,
        validation_error="",
        limits=context_pb2.CASBackendItem.Limits(max_bytes=2**40),
    )
    item.created_at.FromSeconds(0)
    result = context_pb2.ContextServiceCurrentResponse.Result
    found = mapping.context(result(current_cas_backend=item)).cas_backend
    assert found is not None
    assert (found.location, found.provider, found.default, found.fallback) == (
        "registry.example/acme", "OCI", True, False,
    )  # fmt: skip
    assert (found.inline, found.max_bytes, found.valid, found.problem) == (True, 2**40, False, "")
    assert (found.created_at, found.validated_at) == (datetime(1970, 1, 1, tzinfo=UTC), None)
    bare = mapping.cas_backend(context_pb2.CASBackendItem())
    assert (bare.max_bytes, bare.valid, bare.problem) == (None, None, None)
    assert mapping.context(result()).cas_backend is None


def test_only_what_was_asked_for_is_sent() -> None:
    request = mapping.create_request(TokenDraft("bare"))
    assert [field.name for field, _ in request.ListFields()] == ["name"]
    full = mapping.create_request(TokenDraft("full", "d", timedelta(hours=24), "web", ("api_token:list",)))
    assert full.expires_in.seconds == 86400
    assert full.project_reference.name == "web"
    assert not full.project_reference.HasField("id")


@pytest.mark.parametrize("status", StatusFilter)
@pytest.mark.parametrize("scope", ScopeFilter)
def test_every_filter_has_a_place_on_the_wire(status: StatusFilter, scope: ScopeFilter) -> None:
    request = mapping.list_request(status, scope, "")
    name = api_token_pb2.APITokenServiceListRequest.StatusFilter.Name(request.status_filter)
    assert name == f"STATUS_FILTER_{status.name}"
    assert not request.HasField("project")


def test_a_created_token_without_its_secret_is_a_bad_reply() -> None:
    with pytest.raises(BadReply):
        mapping.created(api_token_pb2.APITokenServiceCreateResponse.APITokenFull())


async def test_a_hundred_thousand_tokens_let_the_loop_turn_hundreds_of_times() -> None:
    item = api_token_pb2.APITokenItem(id="1", name="n", description="d" * 100, permissions=["a", "b"])
    item.created_at.GetCurrentTime()
    item.last_used_at.GetCurrentTime()
    turns = 0
    finished = asyncio.Event()

    async def heart() -> None:
        nonlocal turns
        while not finished.is_set():
            await asyncio.sleep(0)
            turns += 1

    beating = asyncio.create_task(heart())
    answer = api_token_pb2.APITokenServiceListResponse(result=[item] * 100_000).SerializeToString()
    mapped = await mapping.read_token_list(answer)
    finished.set()
    await beating
    assert len(mapped) == 100_000
    assert turns >= 200


async def test_a_list_in_slices_is_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "SLICE", 3)
    names = [f"n{number}" * (number % 40) for number in range(20)]
    items = [api_token_pb2.APITokenItem(id=str(n), name=name) for n, name in enumerate(names)]
    answer = api_token_pb2.APITokenServiceListResponse(result=items).SerializeToString()
    assert [token.name for token in await mapping.read_token_list(answer)] == names
    assert await mapping.read_token_list(b"") == ()


@pytest.mark.parametrize("cut", [1, 2, 7])
async def test_a_list_that_was_cut_short_is_not_taken_for_a_shorter_one(cut: int) -> None:
    items = [api_token_pb2.APITokenItem(id="1", name="some-name")] * 5
    answer = api_token_pb2.APITokenServiceListResponse(result=items).SerializeToString()
    with pytest.raises(DecodeError):
        await mapping.read_token_list(answer[:-cut])


@given(st.binary(max_size=200), st.integers(1, 4))
def test_pieces_lose_nothing(message: bytes, size: int) -> None:
    assert b"".join(mapping.split_message(message, size)) == message
