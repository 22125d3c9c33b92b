"""The schema, writers side by side, and the sweep, on the real database."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from app.domain import inactivity
from app.server import sample_data
from app.server.core import services
from app.server.core.sweep import Sweep
from app.server.persistence.engine import Database
from app.server.persistence.migrate import migrate
from app.server.persistence.models import APIToken, AuditEvent, Base, Organization
from app.server.settings import ServerSettings
from tests.integration.server.together import PROCESSES, WRITES, count_up, migrate_one, run_together
from tests.support import databases
from tests.support.databases import ON_BOTH, Prepare

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 10, 12, 4, 31, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path, prepare_data: Prepare) -> Iterator[Database]:
    prepare_data(tmp_path)
    made = Database(databases.url_of(tmp_path))
    migrate(made.engine)
    yield made
    made.close()


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Database]:
    """SQLite, for what only it needs."""
    made = Database(f"sqlite:///{tmp_path / 'lite.db'}")
    migrate(made.engine)
    yield made
    made.close()


def add_organization(database: Database, threshold: int | None) -> None:
    with database.write() as session:
        session.add(
            Organization(
                name=f"o-{uuid4().hex[:8]}",
                created_at=NOW,
                updated_at=NOW,
                api_token_max_days_inactive=threshold,
            )
        )


@ON_BOTH
def test_the_migrations_make_exactly_what_the_models_say(database: Database) -> None:
    migrate(database.engine)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


@ON_BOTH
def test_processes_that_start_together_migrate_once(tmp_path: Path, prepare_data: Prepare) -> None:
    prepare_data(tmp_path)
    url = databases.url_of(tmp_path)
    run_together(migrate_one, url)
    database = Database(url)
    add_organization(database, None)
    database.close()


def test_three_processes_write_side_by_side_and_nothing_is_lost(lite: Database) -> None:
    add_organization(lite, 0)
    run_together(count_up, lite.engine.url.render_as_string())
    with lite.read() as session:
        assert session.scalars(select(Organization.api_token_max_days_inactive)).one() == PROCESSES * WRITES


@ON_BOTH
def test_a_failed_write_leaves_nothing(database: Database) -> None:
    def write_half() -> None:
        with database.write() as session:
            session.execute(insert(Organization).values(name="x", created_at=NOW, updated_at=NOW))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    with database.read() as session:
        assert session.scalars(select(Organization.name)).all() == []


@pytest.fixture
def demo(tmp_path: Path, prepare_data: Prepare) -> Iterator[services.Services]:
    prepare_data(tmp_path)
    url = databases.url_of(tmp_path)
    shared = url if url.startswith("postgresql") else ""
    made = services.build_services(
        ServerSettings(data=tmp_path, database_url=shared, seed="demo"), lambda: NOW
    )
    sample_data.seed(made)
    yield made
    made.database.close()


@ON_BOTH
def test_the_sample_data_tells_its_story(demo: services.Services) -> None:
    made = demo
    sample_data.seed(made)
    with made.database.read() as session:
        tokens = session.scalars(select(APIToken)).all()
    alive = [token for token in tokens if token.revoked_at is None]
    assert len(tokens) == 24
    assert sum(token.last_used_at is None for token in alive) == 5
    assert sum(token.expires_at is not None and (token.expires_at - NOW).days == 6 for token in alive) == 3
    assert sum(inactivity.idle(token, NOW) > timedelta(days=90) for token in alive) == 4
    assert [NOW - token.revoked_at for token in tokens if token.revoked_at] == [timedelta(hours=2)]
    assert all(token.created_at < NOW for token in tokens)


@ON_BOTH
def test_a_sweep_revokes_what_is_idle_once_with_an_event_each(demo: services.Services) -> None:
    made = demo
    swept = made.sweep.run()
    assert {token.name for token in swept} == {
        "ci-legacy",
        "ml-training-2024",
        "ci-staging",
        "pentest-spring",
    }
    assert made.sweep.run() == []
    with made.database.read() as session:
        events = session.scalars(select(AuditEvent)).all()
        revoked = session.scalars(select(APIToken.id).where(APIToken.revoked_at == NOW)).all()
    assert {event.target_id for event in events} == {token.id for token in swept} == set(revoked)
    assert {(e.actor_kind, e.action, json.dumps(e.details)) for e in events} == {
        ("system", "api_token.auto_revoke", '{"threshold": 90}')
    }


@ON_BOTH
def test_without_a_threshold_nothing_is_swept(demo: services.Services) -> None:
    made = demo
    with made.database.write() as session:
        session.execute(update(Organization).values(api_token_max_days_inactive=None))
    assert made.sweep.run() == []


SPANS = st.timedeltas(timedelta(0), timedelta(days=3)) | st.sampled_from(
    [timedelta(days=1), timedelta(days=1, microseconds=1), timedelta(days=1, microseconds=-1)]
)


@ON_BOTH
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tokens=st.lists(st.tuples(SPANS, st.none() | SPANS, st.none() | SPANS, st.booleans()), max_size=8),
    threshold=st.sampled_from([1, 2]),
)
def test_the_sweep_and_the_rule_agree_on_every_token(
    database: Database,
    tmp_path: Path,
    tokens: list[tuple[timedelta, timedelta | None, timedelta | None, bool]],
    threshold: int,
) -> None:
    with database.write() as session:
        session.execute(delete(Organization))
    add_organization(database, threshold)
    with database.write() as session:
        organization_id = session.scalars(select(Organization.id)).one()
        rows = [
            APIToken(
                id=uuid4(),
                organization_id=organization_id,
                name=f"t-{number}",
                created_at=NOW - created,
                last_used_at=NOW - used if used is not None else None,
                expires_at=NOW - expired if expired is not None else None,
                revoked_at=NOW if revoked else None,
            )
            for number, (created, used, expired, revoked) in enumerate(tokens)
        ]
        session.add_all(rows)
    doomed = {row.id for row in rows if inactivity.is_inactive(row, threshold, NOW)}
    with closing(Database(databases.url_of(tmp_path), fixed=lambda: NOW)) as at_that_time:
        assert {swept.id for swept in Sweep(at_that_time).run()} == doomed
