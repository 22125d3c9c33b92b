"""What a person waits for while others hold connections to the HTTP side and send next to nothing.

    python scripts/bench/listener.py [--peer FOLDER] [--rounds 2]

FOLDER is another checkout of this repository; its server runs in turns with ours. The others open a
connection again when it is closed. A person opens the sign-in page on a connection of its own, fifty times a
round.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from common import ROOT

REQUESTS, SETTLE = 50, 4.0
_HEAD = b"POST /oauth/revoke HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n"
# How many connections, what each sends at first, and what every second after that.
OTHERS = {
    "nobody else": (0, b"", b""),
    "500 slow heads": (500, b"GET / HTTP/1.1\r\nX: ", b"a"),
    "500 slow bodies": (500, _HEAD + b"\r\n", b"a"),
    "2,000 idle connections": (2000, b"", b""),
}


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The server of a checkout; yields the address of its HTTP side."""
    with tempfile.TemporaryDirectory(prefix="loopin-listener-") as data:
        command = [sys.executable, "-m", "app", "server", "start", "--json", "--data", data]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["http"]
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


async def hold(url: str, first: bytes, then: bytes) -> None:
    """One connection of the others, opened again whenever it is closed."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port)
            with suppress(OSError):
                writer.write(first)
                while not reader.at_eof():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1000), 1)
                        continue
                    writer.write(then)
            writer.close()
        await asyncio.sleep(0.2)


async def hold_all(url: str, name: str) -> None:
    count, first, then = OTHERS[name]
    await asyncio.gather(*(hold(url, first, then) for _ in range(count)))


def ask(url: str) -> float:
    """Milliseconds until a person has the sign-in page, with another try when the connection is cut."""
    began = time.perf_counter()
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        try:
            client.get("/auth/login").raise_for_status()
        except httpx.TransportError:
            print("cut", url, file=sys.stderr)
            return ask(url) + (time.perf_counter() - began) * 1000
    return (time.perf_counter() - began) * 1000


def one_round(folder: Path, name: str) -> list[float]:
    with running(folder) as url:
        ask(url)
        others = subprocess.Popen([sys.executable, __file__, "--others", name, url])
        try:
            time.sleep(SETTLE)
            return [ask(url) for _ in range(REQUESTS)]
        finally:
            others.kill()
            others.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", help="one of the rows")
    parser.add_argument("--others", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.others:
        asyncio.run(hold_all(given.others[1], given.others[0]))
        return
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    folders = {"here": ROOT, **({"peer": given.peer} if given.peer else {})}
    for name in [given.only] if given.only else OTHERS:
        for _ in range(given.rounds):
            for who, folder in folders.items():
                times[name, who] += one_round(folder, name)
        for who in folders:
            quantiles = statistics.quantiles(times[name, who], n=20)
            print(f"| {name} | {who} | p50 {quantiles[9]:.1f} ms | p95 {quantiles[18]:.1f} ms |", flush=True)


if __name__ == "__main__":
    main()
