"""What the log says of an event, of an exception and of a request."""

import io
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from app.server import log
from app.server.settings import parse_networks
from tests.support.http_application import HttpApplication
from tests.support.process_state import isolated

SECRET = "secret-not-real"
PROXIES = parse_networks(("127.0.0.0/8",))
Logged = Callable[[str], Callable[[], list[str]]]
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Logged]:
    """Begins to log from `info` on in a form; returns what gives the lines so far."""

    def begin(form: str) -> Callable[[], list[str]]:
        stream = io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            log.configure("info", form)
        return lambda: stream.getvalue().splitlines()

    with isolated({}, tmp_path):
        yield begin


@pytest.fixture
def lines(logged: Logged) -> Lines:
    """The events so far, logged as JSON."""
    written = logged("json")
    return lambda: [json.loads(line) for line in written()]


def broken(value: str) -> None:
    """Fail like a library that quotes what it got."""
    try:
        int(value)
    except ValueError as error:
        raise RuntimeError(value) from error


def failed(value: str = SECRET) -> RuntimeError:
    with pytest.raises(RuntimeError) as found:
        broken(value)
    return found.value


def test_an_event_is_one_json_object_whatever_its_values(lines: Lines) -> None:
    log.event("a.thing", name='x"\n\x1b[31m', count=3)
    (line,) = lines()
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "info", "event": "a.thing", "name": 'x"\n\x1b[31m', "count": 3}


def test_an_event_is_one_line_of_text(logged: Logged) -> None:
    written = logged("text")
    log.event("a.thing", name='x"\n', count=3)
    log.event("not.this", logging.DEBUG)
    (line,) = written()
    assert line.partition(" ")[2] == r'info a.thing name="x\"\n" count=3'


def test_an_exception_is_told_by_types_and_causes_and_never_by_its_text(lines: Lines) -> None:
    log.failure("a.failed", failed(), where="here")
    (line,) = lines()
    assert (line["error"], line["cause"], line["where"]) == ("RuntimeError", ["ValueError"], "here")
    assert SECRET not in json.dumps(line)


def test_the_places_are_ours_with_file_and_line(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__)
    assert log.describe_exception(failed())["at"] == [], "this file is no part of the program"
    monkeypatch.setattr(log, "_ROOT", here.parents[1])
    monkeypatch.setattr(log, "_PROGRAM", here.parent)
    places = log.describe_exception(failed())["at"]
    number = broken.__code__.co_firstlineno
    assert isinstance(places, list)
    # The innermost of the cause comes first.
    assert places[0] == f"server/test_log.py:{number + 3} broken"
    assert f"server/test_log.py:{number + 5} broken" in places
    assert json.dumps(places).count("test_log.py") == len(places), "no frame of another library"


def test_a_very_deep_exception_has_the_innermost_places(monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(count: int) -> None:
        if not count:
            raise RuntimeError
        deep(count - 1)

    monkeypatch.setattr(log, "_PROGRAM", Path(__file__).parent)
    monkeypatch.setattr(log, "_ROOT", Path(__file__).parent)
    monkeypatch.setattr(log, "_MAX_FRAMES", 2)
    with pytest.raises(RuntimeError) as found:
        deep(50)
    number = deep.__code__.co_firstlineno
    assert log.describe_exception(found.value)["at"] == [
        f"test_log.py:{number + 2} deep",
        f"test_log.py:{number + 3} deep",
    ]


@Request.application
def application(request: Request) -> Response:
    """Answer with the status in the path, or fail."""
    if request.path == "/broken":
        raise RuntimeError(SECRET)
    log.event("inside")
    return Response("", int(request.path[1:4]))


async def test_a_request_has_a_line_and_an_id_that_its_answer_and_its_events_carry(lines: Lines) -> None:
    _, headers, _ = await HttpApplication(application, PROXIES).ask(
        f"/404/page?code={SECRET}".encode(),
        [(b"x-forwarded-for", b"198.51.100.7")],
        client=("127.0.0.1", 5000),
        method="GET",
    )
    log.event("outside")
    inside, line, outside = lines()
    assert line["event"] == "http.request"
    told = [line[name] for name in ("level", "method", "path", "status", "client")]
    assert told == ["info", "GET", "/404/page", 404, "198.51.100.7"]
    assert line["duration"] >= 0
    assert headers[b"x-request-id"].decode() == line["request"] == inside["request"]
    assert "request" not in outside
    assert SECRET not in json.dumps(lines())


async def test_an_id_comes_from_the_server_and_never_from_who_asks(lines: Lines) -> None:
    side, sent = HttpApplication(application), [(b"x-request-id", SECRET.encode())]
    ids = {(await side.ask(b"/204", sent))[1][b"x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert SECRET.encode() not in ids


async def test_a_request_that_breaks_the_application_has_a_line_too(lines: Lines) -> None:
    await HttpApplication(application).ask(b"/broken")
    assert [(line["event"], line.get("status")) for line in lines()] == [
        ("http.failed", None),
        ("http.request", 500),
    ]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/account/keys", "/account/keys"),
        (f"/api/v1/{'k' * 41}/x", "/api/v1/…/x"),
        ("/\x1b[31m\n", "/\ufffd[31m "),
        ("/a" * 300, ("/a" * 300)[:199] + "…"),
    ],
)
def test_a_path_in_the_log_is_short_and_has_no_token_in_it(path: str, shown: str) -> None:
    assert log.redact_path(path) == shown


def test_what_a_library_logs_is_told_without_its_words(lines: Lines) -> None:
    log.capture_library_errors()
    library = logging.getLogger("some.library")
    library.error("could not use %s", SECRET, exc_info=failed())
    library.warning(SECRET)
    library.info(SECRET)
    first, second = lines()
    assert (first["event"], first["library"], first["error"]) == (
        "library.failed",
        "some.library",
        "RuntimeError",
    )
    assert (second["event"], second["level"], second["library"]) == (
        "library.trouble",
        "warning",
        "some.library",
    )
    assert SECRET not in json.dumps(lines())


def test_a_thread_that_ends_by_an_exception_is_told_without_its_text(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    log.capture_library_errors()
    thread = threading.Thread(target=broken, args=(SECRET,), name="worker")
    thread.start()
    thread.join()
    (line,) = lines()
    assert (line["event"], line["thread"], line["error"]) == ("thread.failed", "worker", "RuntimeError")
    assert SECRET not in json.dumps(line)
