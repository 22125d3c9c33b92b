"""What an operator does while another transaction holds the rows: it waits, reads again, is dated then."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from app.domain.errors import NotFound, Refused
from app.domain.organizations import ProjectRole, Role
from app.server import sample_data
from app.server.clock import utc_now
from app.server.core import audit, sweep
from app.server.core.memberships import Memberships
from app.server.core.monitoring import Metrics
from app.server.core.projects import Projects
from app.server.core.removal import Removal
from app.server.core.services import Services
from app.server.core.trusted_issuers import NewIssuer, TrustedIssuers
from app.server.persistence.engine import Database
from app.server.persistence.errors import Conflict
from app.server.persistence.models import APIToken, AuditEvent, OAuthGrant, Organization, TrustedIssuer, User
from app.server.scheduler import SweepTask
from tests.integration.server.test_in_flight import services as services
from tests.support.databases import ON_BOTH, Prepare, on_kind

pytestmark = pytest.mark.slow

OPERATOR, PATIENCE = audit.Actor("operator"), 30.0


@pytest.fixture
def prepare_data(request: pytest.FixtureRequest, database_kind: str) -> Prepare:
    """The database of a test is of its kind."""
    return on_kind(request, database_kind)


class Run:
    """Work on a thread of its own, and how it ended."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.result: object = None
        self._thread = threading.Thread(target=self._run, args=(work,))
        self._thread.start()

    def _run(self, work: Callable[[], object]) -> None:
        try:
            self.result = work()
        except Exception as error:
            self.result = error

    def waits(self, seconds: float = 0.3) -> bool:
        self._thread.join(seconds)
        return self._thread.is_alive()

    def end(self) -> object:
        assert not self.waits(PATIENCE)
        return self.result


def add_issuer(services: Services) -> TrustedIssuer:
    draft = NewIssuer("acme", "https://ci.example", "chainloop", {"sub": "a"})
    TrustedIssuers(services.database, utc_now).add_issuer(OPERATOR, draft)
    with services.database.read() as session:
        return session.scalars(select(TrustedIssuer)).one()


@ON_BOTH
def test_a_program_that_is_ended_meanwhile_is_counted_again(services: Services) -> None:
    Memberships(services.database, utc_now).set_membership(OPERATOR, sample_data.VIEWER, "acme", Role.OWNER)
    now = datetime.now(UTC)
    with services.database.write() as session:
        person = session.scalars(select(User).where(User.email == sample_data.OWNER)).one()
        session.add(
            OAuthGrant(
                client_id="gumloop_cli",
                user_id=person.id,
                scope="gumloop_api",
                created_at=now,
                expires_at=now + timedelta(days=1),
            )
        )
    remove = Removal(services.database, utc_now)
    shown = remove.preview_user(sample_data.OWNER)
    assert shown.counts["grants"] == 1
    with services.database.write() as session:
        session.execute(update(OAuthGrant).values(ended_at=now))
        removing = Run(lambda: remove.remove_user(OPERATOR, shown))
        assert removing.waits()
    assert isinstance(removing.end(), Refused)
    assert remove.preview_user(sample_data.OWNER).counts["grants"] == 0


@ON_BOTH
def test_an_issuer_that_is_removed_twice_at_once_is_removed_once(services: Services) -> None:
    issuer = add_issuer(services)
    with services.database.write() as session:
        session.execute(delete(TrustedIssuer))
        removing = Run(
            lambda: TrustedIssuers(services.database, utc_now).remove_issuer(OPERATOR, str(issuer.id))
        )
        assert removing.waits()
    assert isinstance(removing.end(), NotFound)
    with services.database.read() as session:
        removed = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "issuer.remove")
        assert session.scalar(removed) == 0


@ON_BOTH
@pytest.mark.parametrize(
    "read",
    [
        lambda database: Projects(database).list_projects,
        lambda database: Projects(database).list_members,
        lambda database: TrustedIssuers(database).list_issuers,
    ],
    ids=["projects", "members", "issuers"],
)
def test_a_list_waits_for_nobody(services: Services, read: Callable[[Database], Any]) -> None:
    with services.database.write() as session:
        session.execute(select(Organization).with_for_update()).all()
        reading = Run(lambda: read(services.database)("acme"))
        assert isinstance(reading.end(), list | tuple)


CHANGES: dict[str, Callable[[Services, Any], object]] = {
    "project": lambda services, clock: Projects(services.database, clock).add_project(
        OPERATOR, "acme", "late"
    ),
    "project member": lambda services, clock: Projects(services.database, clock).set_member(
        OPERATOR, "mia@acme.example", "acme", "web", ProjectRole.VIEWER
    ),
    "issuer": lambda services, clock: TrustedIssuers(services.database, clock).add_issuer(
        OPERATOR, NewIssuer("acme", "https://ci.example", "chainloop", {"sub": "a"})
    ),
}


@ON_BOTH
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_dated_after_its_wait(services: Services, change: str) -> None:
    asked: list[datetime] = []

    def clock() -> datetime:
        asked.append(utc_now())
        return asked[-1]

    with services.database.write() as session:
        session.execute(select(Organization).with_for_update()).all()
        changing = Run(lambda: CHANGES[change](services, clock))
        assert changing.waits()
        assert asked == []
    assert not isinstance(changing.end(), Exception)
    assert asked


@pytest.fixture
def idle(services: Services) -> Services:
    """Tokens that the sweep takes."""
    with services.database.write() as session:
        session.execute(update(Organization).values(api_token_max_days_inactive=1))
        session.execute(update(APIToken).values(last_used_at=datetime.now(UTC) - timedelta(days=5)))
    return services


@ON_BOTH
def test_a_sweep_that_gave_way_to_another_transaction_tries_again(
    idle: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, tries = sweep._record_events, []

    def once(*given: Any) -> Any:
        tries.append(given)
        if len(tries) == 1:
            raise Conflict("another change of the same rows came first")
        return record(*given)

    monkeypatch.setattr(sweep, "_record_events", once)
    assert len(idle.sweep.run()) > 5


@ON_BOTH
def test_a_token_that_is_used_while_the_sweep_waits_for_it_survives(idle: Services) -> None:
    with idle.database.write() as session:
        used = select(APIToken.id).where(APIToken.name == "ci-legacy")
        token = session.scalars(used.with_for_update()).one()
        session.execute(update(APIToken).where(APIToken.id == token).values(last_used_at=utc_now()))
        sweeping = Run(idle.sweep.run)
        assert sweeping.waits()
    swept = sweeping.end()
    assert isinstance(swept, list)
    assert len(swept) > 5
    assert token not in {found.id for found in swept}


@ON_BOTH
def test_a_sweep_of_many_batches_revokes_and_records_each_token_once(
    idle: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "BATCH_SIZE", 2)
    due = {token.id for token in idle.sweep.preview()}
    batches = list(idle.sweep.batches(listed=True))
    assert max(batch.revoked for batch in batches) == 2
    swept = [token.id for batch in batches for token in batch.tokens]
    with idle.database.read() as session:
        events = session.scalars(
            select(AuditEvent.target_id).where(AuditEvent.action == audit.TOKEN_SWEEP)
        ).all()
    assert len(swept) == len(events) == len(due)
    assert set(swept) == set(events) == due


def test_what_a_round_that_fails_has_revoked_is_counted(
    idle: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics, batches = Metrics(), list(idle.sweep.batches())
    revoked = sum(batch.revoked for batch in batches)
    assert revoked > 5

    def fails(_stopped: object) -> Iterator[Any]:
        yield from batches
        raise Conflict("another change of the same rows came first")

    monkeypatch.setattr(idle.sweep, "batches", fails)
    with pytest.raises(Conflict):
        SweepTask(idle.sweep, timedelta(0), metrics).run()
    assert f"loopin_sweep_revoked_total {float(revoked)}" in metrics.text().decode()
