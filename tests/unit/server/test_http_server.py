"""Which connections are ended, and when."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from app.server.web.server import Connection, Connections, Listener


class FakeClock:
    """Seconds, moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


Open = Callable[[], tuple[socket.socket, Connection]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def connections(clock: FakeClock) -> Connections:
    return Connections(2, clock)


@pytest.fixture
def connect(connections: Connections) -> Iterator[Open]:
    """Opens a connection and returns both of its ends."""
    with ExitStack() as stack:
        listener = stack.enter_context(Listener("127.0.0.1", 0, connections))
        listener.setblocking(True)

        def one() -> tuple[socket.socket, Connection]:
            client = stack.enter_context(socket.create_connection(listener.getsockname(), timeout=30))
            accepted, _ = listener.accept()
            return client, stack.enter_context(accepted)

        yield one


def is_ended(client: socket.socket) -> bool:
    """Whether the other side has ended it."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False


def test_the_one_that_was_idle_the_longest_goes_for_a_new_one(
    connections: Connections, connect: Open
) -> None:
    first, first_accepted = connect()
    second, _ = connect()
    with connections.busy(first_accepted.client):
        pass
    third, _ = connect()
    assert [is_ended(client) for client in (first, second, third)] == [False, True, False]


def test_where_all_others_are_busy_the_new_one_goes(connections: Connections, connect: Open) -> None:
    first, first_accepted = connect()
    second, second_accepted = connect()
    with connections.busy(first_accepted.client), connections.busy(second_accepted.client):
        third, _ = connect()
        assert [is_ended(client) for client in (first, second, third)] == [False, False, True]


def test_one_that_is_being_answered_is_not_idle(
    connections: Connections, connect: Open, clock: FakeClock
) -> None:
    first, first_accepted = connect()
    with connections.busy(first_accepted.client):
        clock.now += 100
        second, _ = connect()
        connect()
        connections.end_idle(50)
        assert [is_ended(client) for client in (first, second)] == [False, True]
    clock.now += 51
    connections.end_idle(50)
    assert is_ended(first)


def test_one_that_is_closed_is_not_counted(connections: Connections, connect: Open) -> None:
    first, _ = connect()
    for _ in range(3):
        _, accepted = connect()
        accepted.close()
    assert not is_ended(first)


def test_the_end_of_an_idle_one_closes_it_at_once(connections: Connections, connect: Open) -> None:
    client, accepted = connect()
    client.close()
    with connections.busy(accepted.client):
        assert accepted.recv(10) == b""
    with pytest.raises(ConnectionResetError):
        accepted.recv(10)
