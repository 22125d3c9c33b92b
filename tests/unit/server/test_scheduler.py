"""A wall clock that is set wrong must not cost anybody a token."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.server import sample_data
from app.server.core.services import Services, build_services
from app.server.persistence.models import APIToken, LoginSession, User
from app.server.scheduler import CleanupTask, ClockGuard, SweepTask
from app.server.settings import ServerSettings

NOW = datetime(2026, 3, 10, 12, 4, 31, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


class Clocks:
    """A wall clock and a monotonic one that go together until somebody moves the first."""

    def __init__(self) -> None:
        self.wall, self.seconds = NOW, 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def go_on(self, span: timedelta) -> None:
        self.wall += span
        self.seconds += span.total_seconds()


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def services(tmp_path: Path, clocks: Clocks) -> Iterator[Services]:
    made = build_services(ServerSettings(data=tmp_path), clocks.now)
    sample_data.seed(made)
    yield made
    made.database.close()


@pytest.fixture
def sweeper(services: Services, clocks: Clocks) -> SweepTask:
    guard = ClockGuard(clocks.monotonic)
    guard.drift(clocks.now())
    return SweepTask(services.sweep, HOUR, services.metrics, guard)


def alive(services: Services) -> int:
    with services.database.read() as session:
        return len(session.scalars(select(APIToken.id).where(APIToken.revoked_at.is_(None))).all())


@pytest.mark.parametrize("step", [timedelta(days=365), timedelta(days=-365), 61 * MINUTE, -61 * MINUTE])
def test_a_round_after_a_step_of_the_clock_is_held_and_says_so(
    services: Services, sweeper: SweepTask, clocks: Clocks, step: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    before = alive(services)
    clocks.go_on(HOUR)
    clocks.wall += step
    with caplog.at_level(logging.WARNING, "loopin.server"):
        logging.getLogger("loopin.server").addHandler(caplog.handler)
        assert sweeper.run_round() is None
        logging.getLogger("loopin.server").removeHandler(caplog.handler)
    assert alive(services) == before
    assert [record.getMessage() for record in caplog.records][-1] == "sweep.held"
    assert b'loopin_sweep_rounds_total{outcome="held"} 1.0' in services.metrics.text()


def test_a_clock_that_is_put_right_again_costs_one_more_round_and_no_token(
    services: Services, sweeper: SweepTask, clocks: Clocks
) -> None:
    clocks.wall += timedelta(days=365)
    assert sweeper.run_round() is None
    clocks.go_on(HOUR)
    clocks.wall -= timedelta(days=365)
    assert sweeper.run_round() is None
    clocks.go_on(HOUR)
    assert sweeper.run_round() == 4


def sessions(services: Services) -> int:
    with services.database.read() as session:
        return session.scalar(select(func.count()).select_from(LoginSession)) or 0


def test_tidying_is_held_after_a_step_of_the_clock_as_well(services: Services, clocks: Clocks) -> None:
    with services.database.write() as session:
        user = session.scalars(select(User.id)).first()
        for left in (timedelta(days=1), -timedelta(days=1)):
            session.add(LoginSession(user_id=user, created_at=NOW, expires_at=NOW + left))
    tidier = CleanupTask(services.cleanup, ClockGuard(clocks.monotonic))
    tidier.run_round()
    assert sessions(services) == 1
    clocks.wall += timedelta(days=365)
    tidier.run_round()
    assert sessions(services) == 1, "a clock that is set forward ends no session"
    clocks.go_on(HOUR)
    tidier.run_round()
    assert sessions(services) == 0


@pytest.mark.parametrize("step", [timedelta(0), 59 * MINUTE, -59 * MINUTE])
def test_small_steps_hold_nothing(sweeper: SweepTask, clocks: Clocks, step: timedelta) -> None:
    clocks.go_on(HOUR)
    clocks.wall += step
    assert sweeper.run_round() == 4


def test_hours_that_pass_on_both_clocks_are_no_step(sweeper: SweepTask, clocks: Clocks) -> None:
    clocks.go_on(timedelta(days=3))
    assert sweeper.run_round() is not None


def test_the_figures_of_a_round_are_told(services: Services, sweeper: SweepTask) -> None:
    assert sweeper.run_round() == 4
    told = services.metrics.text().decode()
    assert "loopin_sweep_last_revoked 4.0" in told
    assert "loopin_sweep_revoked_total 4.0" in told
    last = next(line for line in told.splitlines() if line.startswith("loopin_sweep_last_run"))
    assert float(last.split()[1]) == NOW.timestamp()
    assert "acme" not in told


def test_a_sweep_that_is_told_to_stop_leaves_the_rest_for_the_next(services: Services) -> None:
    assert list(services.sweep.batches(stopped=lambda: True)) == []
    assert len(services.sweep.run()) == 4
