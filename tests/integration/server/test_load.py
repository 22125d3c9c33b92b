"""What was acknowledged under load is there after a stop and after a kill -9; the long run is a script's."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support import load
from tests.support.databases import ON_BOTH
from tests.support.load import Crowd, Verdict
from tests.support.server import AccountServer, ServerFactory

pytestmark = pytest.mark.slow

CLIENTS, WRITES = 6, 24
# How a call may end that the server never took: gRPC and httpx each have their words for it. One that reached
# the socket and no handler when the port closed is CANCELLED by gRPC's core.
REFUSED = (
    "UNAVAILABLE",
    "CANCELLED",
    "ConnectError",
    "ReadError",
    "RemoteProtocolError",
    "WriteError",
    "CloseError",
)
CLEAN = Verdict([], [], [])


@contextmanager
def busy(server: AccountServer) -> Iterator[Crowd]:
    """In the middle of a load: so many writes are acknowledged, more are on their way."""
    with load.crowd(server, CLIENTS, 60, processes=1, pace=0.02, synced=True, mortal=True) as crowd:
        crowd.begin()
        crowd.written(WRITES)
        yield crowd


def test_a_stop_under_load_answers_every_write_that_it_took(fresh_server: ServerFactory) -> None:
    server = fresh_server()
    with busy(server) as crowd:
        assert server.stop(signal.SIGTERM) == 0
        calls = crowd.calls()
    assert {call.failure.partition(":")[0] for call in calls if call.failure} <= set(REFUSED)
    assert "failed" not in server.errors
    assert sum(bool(call.acknowledged) for call in calls) >= WRITES
    assert load.check(fresh_server(data=server.data), calls) == CLEAN


@ON_BOTH
def test_a_kill_under_load_loses_nothing_that_was_acknowledged(fresh_server: ServerFactory) -> None:
    server = fresh_server()
    with busy(server) as crowd:
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        calls = crowd.calls()
    assert sum(bool(call.acknowledged) for call in calls) >= WRITES
    verdict = load.check(fresh_server(data=server.data), calls)
    assert (verdict.lost, verdict.halves) == ([], [])
