"""What the preview says, the sweep does."""

from datetime import UTC, datetime, timedelta

import pytest

from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from tests.integration.server.callers import Caller
from tests.integration.server_team.conftest import Command, Operate, signed_in
from tests.support.cli import Result
from tests.support.databases import ON_BOTH
from tests.support.organizations import Organization
from tests.support.server import AccountServer, ServerFactory, age_tokens, bulk_tokens, sign_in

pytestmark = pytest.mark.slow

PREVIEW = ("chainloop", "organization", "auto-revoke", "preview")
UPDATE = ("chainloop", "organization", "update", "--yes", "--api-token-max-days-inactive")


def ids(result: Result) -> set[str]:
    return {token["id"] for token in result.works().json}


def alive(server: AccountServer) -> set[str]:
    with server.database() as database:
        rows = database.execute("SELECT id FROM api_tokens WHERE revoked_at IS NULL").fetchall()
    return {str(row[0]).replace("-", "") for row in rows}


@ON_BOTH
def test_preview_dry_run_and_sweep_agree_on_every_token(
    fresh_server: ServerFactory, command: Command, operate: Operate
) -> None:
    server = fresh_server()
    bulk_tokens(server, "acme", 400)
    loopin = signed_in(command, server)
    for days in ("20", "90", "1"):
        loopin(*UPDATE, days).works()
        before = alive(server)
        shown = loopin(*PREVIEW, "-o", "json").works().json
        assert ids(loopin(*PREVIEW, "--days", days, "-o", "json")) == {token["id"] for token in shown}
        # Due within the hour: the sweep may come later than this one, which is asked for at once.
        now = datetime.now(UTC).isoformat()
        due = {token["id"] for token in shown if token["deadline"]["at"] < now}
        assert {token["deadline"]["reason"] for token in shown} <= {"idle"}
        foreseen = operate(server, "sweep", "--dry-run", "--json")
        assert ids(foreseen) == due
        assert alive(server) == before
        swept = operate(server, "sweep", "--json")
        assert ids(swept) == due
        assert before - alive(server) == {id.replace("-", "") for id in due}
        assert operate(server, "sweep", "--json").json == []


@ON_BOTH
def test_a_token_that_is_used_between_preview_and_sweep_survives(
    fresh_server: ServerFactory, command: Command, operate: Operate
) -> None:
    server = fresh_server()
    owner = Caller(server, sign_in(server, *server.owner))
    made = owner.create("comes-back")
    age_tokens(server, "comes-back", used=timedelta(days=100), created=timedelta(days=200))
    loopin = signed_in(command, server)
    assert made.item.id in ids(loopin(*PREVIEW, "-o", "json"))
    Caller(server, made.jwt).current()
    swept = ids(operate(server, "sweep", "--json"))
    assert made.item.id not in swept
    assert len(swept) == 4
    assert "comes-back" in {item.name for item in owner.list()}


@pytest.mark.parametrize("days", ["366", "-1", "ninety", "1.5"])
def test_a_threshold_that_makes_no_sense_is_refused(
    organization: Organization, command: Command, days: str
) -> None:
    loopin = signed_in(command, organization.server, organization.owner.bearer)
    loopin(*UPDATE, "90").works()
    loopin(*PREVIEW, "--days", days).fails(2)
    loopin(*UPDATE, days).fails(2)
    assert "90 days" in loopin("chainloop", "organization", "describe").works().out


def test_the_ends_of_the_range_are_thresholds_and_zero_is_off(
    fresh_server: ServerFactory, command: Command, operate: Operate
) -> None:
    server = fresh_server()
    loopin = signed_in(command, server)
    assert (
        len(ids(loopin(*PREVIEW, "--days", "1", "-o", "json")))
        > len(ids(loopin(*PREVIEW, "--days", "365", "-o", "json")))
        == 1
    )
    assert ids(loopin(*PREVIEW, "--days", "0", "-o", "json")) == set()
    loopin(*UPDATE, "0").works()
    assert "off" in loopin(*PREVIEW).works().out
    assert operate(server, "sweep", "--json").json == []
    loopin(*UPDATE, "365").works()
    assert [token["name"] for token in operate(server, "sweep", "--json").json] == ["ci-legacy"]


def test_people_read_how_many_and_when(fresh_server: ServerFactory, command: Command) -> None:
    loopin = signed_in(command, fresh_server())
    said = loopin(*PREVIEW).works().out
    assert "ci-legacy" in said
    assert "At 90 days: 4 due now, 0 due within the hour" in said
    assert "Only tokens that you can see" in said


def test_an_api_token_cannot_read_the_threshold_and_is_told_to_name_one(
    organization: Organization, command: Command
) -> None:
    server = organization.server
    owner, name = Caller(server, organization.owner.bearer), f"{organization.name}-old"
    made, old = owner.create("robot"), owner.create(name, project_reference=IdentityReference(name="web"))
    age_tokens(server, name, used=timedelta(days=91), created=timedelta(days=200))
    loopin = signed_in(command, server, made.jwt)
    loopin(*PREVIEW).fails(2, "--days")
    assert ids(loopin(*PREVIEW, "--days", "90", "-o", "json")) == {old.item.id}
