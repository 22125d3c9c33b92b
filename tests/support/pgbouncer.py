"""A pgbouncer in transaction mode in front of the run's PostgreSQL, on a Unix socket of its own."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import psycopg

from tests.support import postgres, require

PORT = 6432
PATIENCE = 30.0


@contextmanager
def in_front_of(url: str, connections: int = 3) -> Iterator[str]:
    """The URL of the same database behind the pooler, which shares so few connections among all."""
    program = require.tool("pgbouncer", "/usr/sbin/pgbouncer")
    parts = urlsplit(url)
    [host] = parse_qs(parts.query)["host"]
    folder = Path(tempfile.mkdtemp(prefix="loopin-pgb-"))
    settings = folder / "pgbouncer.ini"
    users = folder / "users"
    users.write_text('"postgres" ""\n')
    settings.write_text(
        f"[databases]\n* = host={host}\n[pgbouncer]\npool_mode=transaction\nauth_type=trust\n"
        f"auth_file={users}\nlisten_addr=\nunix_socket_dir={folder}\nlisten_port={PORT}\n"
        f"default_pool_size={connections}\nmax_client_conn=200\nlogfile={folder}/log\n"
    )
    if postgres.as_root():
        for place in (folder, settings, users):
            shutil.chown(place, "postgres", "postgres")
    process = subprocess.Popen(postgres.as_account([program, "-q", str(settings)]))
    try:
        behind = f"postgresql://postgres@{parts.path}?host={quote(str(folder), safe='')}&port={PORT}"
        until_it_answers(behind, process)
        yield behind
    finally:
        process.terminate()
        process.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


def until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when it hands out a connection."""
    while process.poll() is None:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            continue
        return
    raise AssertionError("pgbouncer ended")
