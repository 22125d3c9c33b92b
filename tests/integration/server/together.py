"""Processes that do the same to one database at the same moment; they import only what they need."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.synchronize import Barrier

from sqlalchemy import select

from app.server.persistence.engine import Database
from app.server.persistence.migrate import migrate
from app.server.persistence.models import Organization

PROCESSES, WRITES = 3, 200
PATIENCE = 60.0


def run_together(what: Callable[[str, Barrier], None], url: str) -> None:
    """Run it in three processes that go on at the same moment; all must end well."""
    # Forked from where the test servers are forked: what they need is imported already.
    forks = multiprocessing.get_context("forkserver")
    together = forks.Barrier(PROCESSES)
    children = [forks.Process(target=what, args=(url, together)) for _ in range(PROCESSES)]
    for child in children:
        child.start()
    for child in children:
        child.join(PATIENCE)
    assert [child.exitcode for child in children] == [0] * PROCESSES


def migrate_one(url: str, together: Barrier) -> None:
    """Bring the database up to date."""
    database = Database(url)
    together.wait(PATIENCE)
    migrate(database.engine)


def count_up(url: str, together: Barrier) -> None:
    """Read the threshold of the one organization and write it plus one, many times."""
    database = Database(url)
    together.wait(PATIENCE)
    for _ in range(WRITES):
        with database.write() as session:
            row = session.scalars(select(Organization)).one()
            assert row.api_token_max_days_inactive is not None
            row.api_token_max_days_inactive += 1
