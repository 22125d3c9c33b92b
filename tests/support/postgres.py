"""A PostgreSQL of this run's own, on a Unix socket; nothing listens on the network."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
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
    # The server refuses to run as root.
    as_root = os.geteuid() == 0
    account = pwd.getpwnam(_ACCOUNT) if as_root else None
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        cwd="/",
    )


@contextmanager
def running(settings: str = _SETTINGS) -> Iterator[Path]:
    """A PostgreSQL server; the folder holds its socket."""
    initdb, pg_ctl = _tool("initdb"), _tool("pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="loopin-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _ACCOUNT, _ACCOUNT)
    data, log = str(folder / "data"), str(folder / "log")
    try:
        _run(initdb, "-D", data, "-U", _ACCOUNT, "-A", "trust", "-E", "UTF8", "--no-sync")
        _run(pg_ctl, "-D", data, "-l", log, "-w", "-o", f"{settings} -k {folder}", "start")
        yield folder
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            _run(pg_ctl, "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def create_database(folder: Path) -> str:
    """Make a database with a name of its own on the server of `folder`; return its SQLAlchemy URL."""
    import psycopg

    name = f"test_{uuid4().hex}"
    place = f"host={folder} user={_ACCOUNT} dbname=postgres"
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
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
