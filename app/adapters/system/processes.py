"""Other processes of this machine."""

from contextlib import suppress
from ipaddress import ip_address

import psutil

from app.domain.text import clean


def is_running(pid: int) -> bool:
    """True when a process with this number runs: one that has ended and was not waited for does not."""
    if pid <= 0:
        return False
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def port_holder(port: int) -> str:
    """Return "name (process 123)" for the process that listens on the port; empty when the system hides it.

    Only processes of the same user show their sockets, unless we are root.
    """
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if connection.status != psutil.CONN_LISTEN or not local or not connection.pid:
                continue
            if local.port == port and _is_local(local.ip):
                name = clean(psutil.Process(connection.pid).name(), 40)
                return f"{name or 'a program'} (process {connection.pid})"
    return ""


def _is_local(address: str) -> bool:
    """True where a listener at this address gets connections to a loopback address."""
    parsed = ip_address(address)
    return parsed.is_loopback or parsed.is_unspecified
