"""What a worker gets of a connection: one request, and nothing of the one behind it (RFC 9112 §11.2)."""

from app.server.http.connection import Inbox

FIRST = b"POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b"
SECOND = b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n"


def arrived() -> Inbox:
    """Two requests in one packet, the first of them with a worker."""
    inbox = Inbox()
    inbox.add(FIRST + SECOND)
    assert inbox.next_request()
    return inbox


def test_a_worker_that_reads_on_finds_the_end_of_its_request() -> None:
    inbox = arrived()
    assert inbox.read() == FIRST
    assert inbox.read() == b""


def test_what_a_worker_left_unread_does_not_begin_the_next_request() -> None:
    inbox = arrived()
    assert inbox.readline() == b"POST /first HTTP/1.1\r\n"
    assert inbox.next_request()
    assert inbox.read() == SECOND
    assert not inbox.next_request()
