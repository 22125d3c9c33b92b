"""Servers on either database, and the commands of whoever runs them."""

from collections.abc import Callable
from functools import partial

import pytest

from tests.support import databases
from tests.support.cli import Loopin, Result
from tests.support.databases import Prepare
from tests.support.server import AccountServer

Operate = Callable[..., Result]


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def prepare_data(request: pytest.FixtureRequest) -> Prepare:
    """Every promise is kept on both databases."""
    if request.param == "sqlite":
        return lambda _data: None
    return partial(databases.on_postgres, request.getfixturevalue("postgres_folder"))


@pytest.fixture
def operate(loopin: Loopin) -> Operate:
    """`loopin server …` on a server's data: `operate(server, "user", "list", stdin="…")`."""

    def run(server: AccountServer, *words: str, stdin: str | None = None) -> Result:
        url = server.data / databases.URL_FILE
        place = ["--database-url-file", str(url)] if url.exists() else ["--data", str(server.data)]
        return loopin("server", *words, *place, stdin=stdin)

    return run
