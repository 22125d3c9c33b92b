"""Who holds a TCP port, where the system tells: Linux, from /proc."""

from collections.abc import Iterator
from pathlib import Path

from app.domain.text import clean

_LISTEN = "0A"
_HERE = {"0100007F", "00000000", "0" * 32, "00000000000000000000000001000000"}


def holder(port: int, proc: Path = Path("/proc")) -> str:
    """Return "name (process 123)" for whoever listens on the port; empty when it cannot be told.

    Only processes of the same user show their sockets, unless we are root.
    """
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    if not sockets:
        return ""
    for process in proc.iterdir():
        if process.name.isdigit() and sockets.intersection(_open_files(process)):
            return f"{_name(process)} (process {process.name})"
    return ""


def _inodes(port: int, proc: Path) -> Iterator[str]:
    """Sockets that listen on the port at an address that covers 127.0.0.1 (proc(5), net/tcp)."""
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            address, _, number = fields[1].rpartition(":")
            if fields[3] == _LISTEN and int(number, 16) == port and address in _HERE:
                yield fields[9]


def _open_files(process: Path) -> Iterator[str]:
    try:
        for link in (process / "fd").iterdir():
            yield str(link.readlink())
    except OSError:
        # It ended, or it is somebody else's.
        return


def _name(process: Path) -> str:
    try:
        return clean((process / "comm").read_text().strip(), 40)
    except OSError:
        return "a program"
