"""An issuer over real HTTP: down, slow, lying, and where it may live."""

import asyncio
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from app.domain.errors import BadReply, LoopinError, Refused, TLSFailed, Unreachable, UsageError
from app.domain.event_loop import run_to_end
from app.domain.secret import Secret
from app.oidc.http import MAX_DOCUMENT, Fetcher
from app.oidc.url_policy import CLIENT_POLICY, URLPolicy, server_policy
from app.oidc.verifier import REFRESH, Verifier
from tests.support.issuer import DISCOVERY, JWKS, Issuer, rsa_key, running_issuer
from tests.support.peers import certificate

DEVELOPMENT, PUBLIC = server_policy(development=True), server_policy(development=False)


async def verify(issuer: Issuer, fetcher: Fetcher | None = None) -> None:
    """Verify one of the issuer's tokens over HTTP."""
    await Verifier(fetcher or Fetcher(CLIENT_POLICY)).verify(
        issuer.token(), issuer.name, now=datetime.now(UTC)
    )


async def problem(issuer: Issuer, fetcher: Fetcher | None = None) -> LoopinError:
    """Why that does not work."""
    with pytest.raises(LoopinError) as caught:
        await verify(issuer, fetcher)
    return caught.value


@pytest.mark.parametrize("policy", [CLIENT_POLICY, DEVELOPMENT], ids=["client", "server"])
async def test_keys_come_over_http_on_loopback(issuer: Issuer, policy: URLPolicy) -> None:
    """Discovery first, then the keys that it names."""
    await verify(issuer, Fetcher(policy))
    assert issuer.asked == [DISCOVERY, JWKS]


async def test_an_issuer_may_have_a_path() -> None:
    """Discovery 1.0 §4.1: the well-known part comes after it."""
    with running_issuer("/_services/token") as issuer:
        await verify(issuer)
        assert issuer.asked[0] == f"/_services/token{DISCOVERY}"


async def test_a_name_is_resolved_and_pinned(issuer: Issuer) -> None:
    """`localhost` reaches the same server, and the server sees the name that was asked for."""
    issuer.url = issuer.url.replace("127.0.0.1", "localhost")
    await verify(issuer, Fetcher(DEVELOPMENT))
    assert issuer.hosts == {issuer.url.removeprefix("http://")}


async def test_this_machine_is_not_asked_in_production(issuer: Issuer) -> None:
    """Neither in plain text nor by a name that resolves to it."""
    assert isinstance(await problem(issuer, Fetcher(PUBLIC)), UsageError)
    port = issuer.url.rpartition(":")[2]
    with pytest.raises(Refused, match="localhost is not asked: it is this machine itself"):
        await Fetcher(PUBLIC).document(f"https://localhost:{port}/")
    assert issuer.asked == []


async def test_nobody_there() -> None:
    """Refused connection, unknown name."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    assert "cannot be reached" in (await problem(Issuer(url))).message
    with pytest.raises(Unreachable, match="there is no host no-such-host"):
        await Fetcher(PUBLIC).document("https://no-such-host.invalid/")


async def test_a_slow_issuer_is_given_up(issuer: Issuer) -> None:
    """The whole of it has one limit, the keys as well as the description."""
    for path in (DISCOVERY, JWKS):
        issuer.held_paths = {path}
        error = await problem(issuer, Fetcher(CLIENT_POLICY, patience=0.2))
        assert isinstance(error, Unreachable)
        assert "did not answer within 0.2 s" in error.message


async def test_an_issuer_that_drips_is_given_up() -> None:
    """A byte now and then keeps no connection alive for ever."""

    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()
        gone.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises((Unreachable, BadReply)):
            await Fetcher(CLIENT_POLICY, patience=0.3).document(f"http://127.0.0.1:{port}/")
        await gone.wait()


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (500, {}, b"", "is out of order: it answered 500"),
        (404, {}, b"{}", "answered 404"),
        (200, {}, b"<html>", "not a JSON object"),
        (200, {}, b"[]", "not a JSON object"),
        (200, {}, b"\xff\xfe", "not a JSON object"),
        (200, {}, b"[" * 100_000, "not a JSON object"),
        (200, {}, b" " * (MAX_DOCUMENT + 1), "more than 1 MiB"),
        (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b", "compresses its answer"),
        (200, {}, b'{"issuer": 5}', "describes another issuer: nobody"),
        (200, {}, b'{"issuer": "http://x"}', "describes another issuer: 'http://x'"),
        (200, {"Content-Length": "50"}, b"{}", "broke off"),
    ],
)
async def test_garbage_is_told_as_what_it_is(
    issuer: Issuer, status: int, headers: dict[str, str], body: bytes, said: str
) -> None:
    """In the description, and in the keys where it is not about the description."""
    issuer.answers[DISCOVERY] = (status, headers, body)
    assert said in (await problem(issuer)).message
    if "another issuer" not in said:
        issuer.answers = {JWKS: (status, headers, body)}
        assert said in (await problem(issuer)).message


async def test_a_description_without_a_usable_place_for_keys(issuer: Issuer) -> None:
    """Missing, not a URL, plain http elsewhere, and no set of keys."""
    start = b'{"issuer": "%s"' % issuer.url.encode()
    for rest, said in (
        (b"}", "does not say where its keys are"),
        (b', "jwks_uri": "file:///etc/passwd"}', "names a place for its keys that is not asked"),
        (b', "jwks_uri": "http://inner.example/keys"}', "names a place for its keys that is not asked"),
    ):
        issuer.answers[DISCOVERY] = (200, {}, start + rest)
        assert said in (await problem(issuer)).message
    issuer.answers = {JWKS: (200, {}, b'{"keys": {}}')}
    assert "publishes no set of keys" in (await problem(issuer)).message


async def test_redirects_stay_on_their_host(issuer: Issuer) -> None:
    """Followed within it, refused to another, and not for ever."""
    issuer.answers[DISCOVERY] = (302, {"Location": "/moved"}, b"")
    body = b'{"issuer": "%s", "jwks_uri": "%s"}' % (issuer.url.encode(), (issuer.url + JWKS).encode())
    issuer.answers["/moved"] = (200, {}, body)
    await verify(issuer)
    with running_issuer() as other:
        issuer.answers[DISCOVERY] = (302, {"Location": f"{other.url}{DISCOVERY}"}, b"")
        assert "sends us on to another host, 127.0.0.1" in (await problem(issuer)).message
        assert other.asked == []
    issuer.answers[DISCOVERY] = (302, {"Location": DISCOVERY}, b"")
    assert "sends us in circles" in (await problem(issuer)).message


async def test_an_issuer_that_speaks_no_tls(issuer: Issuer) -> None:
    """https to a port that speaks plain http."""
    url = issuer.url.replace("http:", "https:")
    with pytest.raises(TLSFailed, match="cannot prove who it is"):
        await Fetcher(DEVELOPMENT).document(url)


@pytest.mark.parametrize("policy", [CLIENT_POLICY, DEVELOPMENT], ids=["client", "server"])
async def test_the_certificate_is_the_names_and_not_the_addresses(tmp_path: Path, policy: URLPolicy) -> None:
    """The server connects to an address that it checked; what it trusts is still the name."""
    mine, other = certificate("localhost"), certificate("elsewhere.example")
    authority, _ = mine.files(tmp_path / "mine")
    stranger, _ = other.files(tmp_path / "other")
    with running_issuer(tls=mine.context(tmp_path / "a")) as issuer:
        await verify(issuer, Fetcher(policy, ca=str(authority)))
        assert isinstance(await problem(issuer, Fetcher(policy)), TLSFailed)
        assert isinstance(await problem(issuer, Fetcher(policy, ca=str(stranger))), TLSFailed)
    with running_issuer(tls=other.context(tmp_path / "b")) as issuer:
        error = await problem(issuer, Fetcher(policy, ca=str(stranger)))
        assert isinstance(error, TLSFailed)
        assert "cannot prove who it is" in error.message
        assert issuer.asked == []


async def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A job whose CI_SERVER_TLS_CA_FILE leads nowhere."""
    with pytest.raises(TLSFailed, match="cannot be read"):
        await Fetcher(CLIENT_POLICY, ca=str(tmp_path / "none.pem")).document("https://localhost:1/")


@pytest.mark.parametrize("bad", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1"])
async def test_one_address_that_leads_inside_is_enough(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    """A name with a public and an inner address is not asked at all."""

    def resolve(host: str, port: int, *args: object, **more: object) -> list[Any]:
        return [(2, 1, 6, "", (address, port)) for address in ("93.184.216.34", bad)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(Refused, match=r"two-faced\.example is not asked"):
        await Fetcher(PUBLIC).document("https://two-faced.example/")


async def test_what_was_checked_is_what_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, issuer: Issuer
) -> None:
    """A name that changes its address between the look and the connection gains nothing."""
    answers = iter(["127.0.0.1", "169.254.169.254"])

    def resolve(host: str, port: int, *args: object, **more: object) -> list[Any]:
        # An address needs no resolver; only the name is asked for, and only once.
        address = host if host[0].isdigit() else next(answers)
        return [(2, 1, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    url = issuer.url.replace("127.0.0.1", "localhost")
    assert await Fetcher(DEVELOPMENT).document(url + JWKS)
    assert next(answers) == "169.254.169.254"


def verify_here(verifier: Verifier, token: Secret, issuer: Issuer) -> None:
    run_to_end(verifier.verify(token, issuer.name, now=datetime.now(UTC)))


def test_good_tokens_pass_while_a_made_up_key_id_makes_us_wait_for_a_slow_issuer(
    issuer: Issuer,
) -> None:
    """Nobody who sends nonsense can hold up the others."""
    tick = 0.0
    verifier = Verifier(Fetcher(DEVELOPMENT, patience=60), lambda: tick)
    good = issuer.token()
    verify_here(verifier, good, issuer)
    issuer.key, issuer.held_paths, tick = rsa_key(1), {DISCOVERY}, REFRESH
    made_up, told = issuer.token(), SimpleQueue[str]()

    def work() -> None:
        try:
            verify_here(verifier, made_up, issuer)
        except LoopinError as error:
            told.put(error.message)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    verify_here(verifier, good, issuer)
    assert told.empty()
    issuer.hold.set()
    for thread in threads:
        thread.join()
    # One of the three has asked the issuer, for all of them.
    assert all("does not publish the key" in told.get(timeout=0) for _ in range(3))
    assert issuer.asked.count(DISCOVERY) == 2


def test_many_threads_ask_once(issuer: Issuer) -> None:
    verifier, errors = Verifier(Fetcher(DEVELOPMENT)), []
    token = issuer.token()

    def work() -> None:
        try:
            verify_here(verifier, token, issuer)
        except LoopinError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert issuer.asked == [DISCOVERY, JWKS]
