"""A PostgreSQL of this run's own, on a Unix socket; nothing listens on the network."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.support import require

_ACCOUNT = "postgres"
_SETTINGS = "-c listen_addresses='' -c fsync=off -c max_connections=200"


def _tool(name: str) -> str:
    # Debian keeps the server's programs out of PATH.
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else require.tool(name)


def _run(*command: str) -> None:
    silent = subprocess.DEVNULL
    subprocess.run(as_account(command), check=True, stdout=silent, stderr=silent, cwd="/")


def as_account(command: Sequence[str]) -> list[str]:
    """The command under the account of PostgreSQL, which refuses to run as root.

    Not by `user=` of subprocess: that forks where it could spawn, and what gRPC has registered for forks
    crashes now and then.
    """
    return (
        ["setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--clear-groups", *command]
        if as_root()
        else [*command]
    )


@contextmanager
def running(settings: str = _SETTINGS) -> Iterator[Path]:
    """A PostgreSQL server; the folder holds its socket."""
    initdb = _tool("initdb")
    folder = Path(tempfile.mkdtemp(prefix="loopin-pg-"))
    if as_root():
        shutil.chown(folder, _ACCOUNT, _ACCOUNT)
    data = str(folder / "data")
    try:
        _run(initdb, "-D", data, "-U", _ACCOUNT, "-A", "trust", "-E", "UTF8", "--no-sync")
        begin(folder, settings)
        yield folder
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            end(folder)
        shutil.rmtree(folder, ignore_errors=True)


def begin(folder: Path, settings: str = _SETTINGS) -> None:
    """Start the server in `folder`, again after `end`; return when it answers."""
    log, options = str(folder / "log"), f"{settings} -k {folder}"
    _run(_tool("pg_ctl"), "-D", str(folder / "data"), "-l", log, "-w", "-o", options, "start")


def end(folder: Path) -> None:
    """Stop it as a power cut would: nobody is asked, nothing is tidied up."""
    _run(_tool("pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "-w", "stop")


def as_root() -> bool:
    """Whether PostgreSQL has to run under an account of its own."""
    return os.geteuid() == 0


def create_database(folder: Path, space: Path | None = None) -> str:
    """Make a database with a name of its own on the server of `folder`; return its SQLAlchemy URL.

    Its tables are kept in the folder `space`, if one is given.
    """
    import psycopg

    name = f"test_{uuid4().hex}"
    place = f"host={folder} user={_ACCOUNT} dbname=postgres"
    with psycopg.connect(place, autocommit=True) as connection:
        where = ""
        if space is not None:
            connection.execute(f"CREATE TABLESPACE \"{name}\" LOCATION '{space}'".encode())
            where = f' TABLESPACE "{name}"'
        connection.execute(f'CREATE DATABASE "{name}"{where}'.encode())
    return f"postgresql://{_ACCOUNT}@/{name}?host={quote(str(folder), safe='')}"


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    """A running server; the folder holds its socket."""
    with running() as folder:
        yield folder


@pytest.fixture
def postgres_url(postgres_folder: Path) -> str:
    """The SQLAlchemy URL of a database of the test's own."""
    return create_database(postgres_folder)


def copy(source: str, target: str) -> None:
    """Back one database up and restore it into another, empty one, as the documentation says."""
    dump = subprocess.Popen([_tool("pg_dump"), "--format=custom", source], stdout=subprocess.PIPE)
    restore = [_tool("pg_restore"), "--no-owner", "--exit-on-error", f"--dbname={target}"]
    subprocess.run(restore, stdin=dump.stdout, check=True)
    assert dump.wait() == 0
    assert dump.stdout is not None
    dump.stdout.close()
