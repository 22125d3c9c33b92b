"""The connections to PostgreSQL: a pooler in between, few of them, a server that starts later."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.domain.errors import UsageError
from app.server import sample_data
from app.server.core.api_tokens import CreateTokenRequest
from app.server.core.key_ring import FILE_NAME, load_or_create
from app.server.core.monitoring import Readiness
from app.server.core.principals import Principal
from app.server.core.services import Services, build_services
from app.server.main import await_database
from app.server.persistence.engine import Database
from app.server.persistence.errors import Conflict, NoDatabase
from app.server.persistence.models import User
from app.server.settings import ServerSettings
from tests.support import pgbouncer, postgres
from tests.support.principals import identify
from tests.support.server import release
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.slow

PATIENCE = 30.0


def build(folder: Path, url: str, connections: int = 48) -> Services:
    made = build_services(
        ServerSettings(
            data=folder, database_url=url, database_connections=connections, organization_creation=True
        )
    )
    sample_data.seed(made)
    return made


@pytest.fixture
def services(tmp_path: Path, postgres_url: str) -> Iterator[Services]:
    made = build(tmp_path, postgres_url)
    yield made
    made.database.close()


def work(services: Services) -> None:
    """What people do, often enough for a driver that prepares statements to prepare them."""
    jwt = services.sessions.sign_in(sample_data.OWNER, sample_data.PASSWORD, "").jwt
    owner = identify(services, jwt, "acme")

    def change(number: int) -> None:
        listing, token = services.api_tokens.create_token(owner, CreateTokenRequest(f"ci-{number}"))
        identify(services, token)
        services.api_tokens.revoke_token(owner, str(listing.rows[0].id))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(24)))


def test_behind_a_pooler_in_transaction_mode_everything_works(tmp_path: Path, postgres_url: str) -> None:
    with pgbouncer.in_front_of(postgres_url) as url, closing(build(tmp_path, url).database) as database:
        made = build_services(ServerSettings(data=tmp_path, database_url=url))
        work(made)
        made.sweep.run()
        made.database.close()
        # Nothing of one transaction is left for the next one on the same connection.
        with database.read() as session:
            assert session.scalar(text("SHOW lock_timeout")) == "0"


def test_two_connections_are_enough_if_one_waits(tmp_path: Path, postgres_url: str) -> None:
    made = build(tmp_path, postgres_url, connections=2)
    most = 0
    with closing(made.database):
        work(made)
        with made.database.read() as session:
            count = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            most = session.scalar(count) or 0
    assert most <= 2


@pytest.mark.parametrize("count", [1, 0, -3, 1001])
def test_a_count_of_connections_that_is_no_use_is_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(UsageError, match="2 to 1000 connections"):
        ServerSettings(data=tmp_path, database_connections=count).check()


def test_of_two_transactions_that_wait_for_each_other_one_is_tried_again(services: Services) -> None:
    names = [sample_data.OWNER, sample_data.VIEWER]
    together = threading.Barrier(2)
    tries: list[str] = []

    def rename(first: str, second: str) -> None:
        def swap(session: Session) -> None:
            tries.append(first)
            session.scalars(select(User).where(User.email == first).with_for_update()).one()
            if tries.count(first) == 1:
                together.wait(PATIENCE)
            user = session.scalars(select(User).where(User.email == second).with_for_update()).one()
            user.first_name = first

        services.database.transact(swap)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(rename, names, reversed(names)))
    assert sorted(tries) != sorted(names)
    assert len(tries) == 3
    with services.database.read() as session:
        found = {row.email: row.first_name for row in session.execute(select(User.email, User.first_name))}
    assert [found[name] for name in names] == [sample_data.VIEWER, sample_data.OWNER]


def test_a_transaction_that_gives_way_twice_says_that_nothing_was_changed(services: Services) -> None:
    def always(session: Session) -> None:
        session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(Conflict) as told:
        services.database.transact(always)
    assert isinstance(told.value, NoDatabase)


def test_many_who_choose_their_organization_at_once_all_succeed(services: Services) -> None:
    jwt = services.sessions.sign_in(sample_data.OWNER, sample_data.PASSWORD, "").jwt
    owner = identify(services, jwt, "acme")
    services.organizations.create_organization(owner, "second")
    ids = [str(row.membership.id) for row in services.organizations.list_memberships(owner)]
    assert len(ids) >= 2

    def choose(number: int) -> Principal:
        services.organizations.select_membership(owner, ids[number % len(ids)])
        return identify(services, jwt)

    with ThreadPoolExecutor(20) as pool:
        assert len(list(pool.map(choose, range(120)))) == 120
    assert [row.membership.current for row in services.organizations.list_memberships(owner)].count(True) == 1


def test_health_recovers_for_a_role_that_may_make_no_temporary_tables(
    services: Services, postgres_url: str
) -> None:
    with services.database.engine.begin() as connection:
        name = connection.engine.url.database
        connection.execute(text(f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC'))
        connection.execute(text(f'CREATE ROLE "{name}_app" LOGIN'))
        connection.execute(text(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{name}_app"'))
    url = postgres_url.replace("postgres@", f"{name}_app@")
    with closing(Database(url)) as database:
        with suppress(NoDatabase), database.write() as session:
            session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$"))
        assert Readiness(database).check()


def test_a_database_that_starts_later_is_awaited(tmp_path: Path) -> None:
    with postgres.running() as folder:
        url = postgres.create_database(folder)
        postgres.end(folder)
        settings = ServerSettings(data=tmp_path, database_url=url, database_wait=timedelta(seconds=PATIENCE))
        waiting = threading.Thread(target=await_database, args=(settings,))
        waiting.start()
        waiting.join(1.0)
        assert waiting.is_alive()
        postgres.begin(folder)
        waiting.join(PATIENCE)
        assert not waiting.is_alive()
        made = build_services(settings)
        assert made.readiness.check()
        made.database.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_that_waits_for_its_database_can_be_ended(tmp_path: Path, number: signal.Signals) -> None:
    errors, url = tmp_path / "stderr", tmp_path / "url"
    url.touch(0o600)
    url.write_text(f"postgresql://postgres@/none?host={tmp_path}")
    load_or_create(tmp_path)
    place = ["--database-url-file", str(url), "--signing-key-file", str(tmp_path / FILE_NAME)]
    process = ServerProcess(["start", "--data", str(tmp_path), *place, "--database-wait", "1h"], errors)
    try:
        while not errors.exists() or "database.awaited" not in errors.read_text():
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(PATIENCE) != 0
    finally:
        release(process)


def test_a_database_that_answers_and_refuses_is_not_awaited(postgres_url: str) -> None:
    with closing(Database(postgres_url.replace("/test_", "/missing_"))) as database:
        database.wait(timedelta(hours=1))
        with pytest.raises(OperationalError, match="does not exist"):
            database.engine.connect()


def test_without_a_wait_a_database_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with closing(Database(f"postgresql://postgres@/none?host={tmp_path}")) as database:
        database.wait(timedelta(0))
        with pytest.raises(OperationalError):
            database.engine.connect()
