#!/usr/bin/env python3
"""The Tokens room against the real server, at 100, 10,000 and 100,000 tokens.

scripts/bench/tokens.py [COUNT …]: in one process and run, medians and ratios, beside peers that do the bare
work: fetching, decoding and mapping without a screen; Textual's OptionList of 500 rows; a bare Python pass
of the filter over the rows; Textual's DataTable.
"""

import asyncio
import gc
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import DataTable, OptionList

from app.container import Container
from app.domain import filter as filters
from app.domain.listing import Book, Sort, Tab
from app.domain.tokens import StatusFilter
from app.main import LoopinApp
from app.screens.tokens import TokensScreen
from app.settings import load
from app.vault.memory import MemoryVault
from tests.support.server import AccountServer, bulk_tokens, release, sign_in, start
from widgets.filter_bar import FilterBar
from widgets.token_table import TokenTable

COUNTS = (100, 10_000, 100_000)
TIMES, STEPS, SIZE, PATIENCE = 3, 20, (120, 36), 120.0
FILTER = "bulk-9"


class Heart:
    """Beats in the event loop; `longest` is the longest time in which it could not, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Heart":
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _beat(self) -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            self.longest, before = max(self.longest, now - before - 0.001), now


async def timed(work: Callable[[], Awaitable[object]], times: int = TIMES) -> float:
    """The median of some runs, in seconds of this process's own work.

    Waiting for the server is not among them, and what else the machine does hardly counts.
    """
    found = []
    for _ in range(times):
        began = time.process_time()
        await work()
        found.append(time.process_time() - began)
    return statistics.median(found)


async def waited(work: Callable[[], Awaitable[object]]) -> float:
    """One run by the wall clock, in seconds."""
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def until(true: Callable[[], bool]) -> None:
    """Let the app work until `true()`; give up after PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - the app tells nobody else
            await asyncio.sleep(0.002)


class Options(App[None]):
    """The peer of a cursor move."""

    def compose(self) -> ComposeResult:
        yield OptionList(*(f"token {number}" for number in range(500)))


class Table(App[None]):
    """The peer of the whole list: Textual's own table."""

    def __init__(self, rows: list[tuple[str, ...]]) -> None:
        super().__init__()
        self.rows = rows

    def compose(self) -> ComposeResult:
        yield DataTable[str]()

    async def fill(self) -> None:
        """Show all rows."""
        table = self.query_one(DataTable)
        table.clear(columns=True)
        table.add_columns("state", "name", "scope", "last used", "deadline")
        table.add_rows(self.rows)
        while table._require_update_dimensions:  # noqa: ASYNC110 - Textual tells nobody
            await asyncio.sleep(0)


async def moved(pilot: Pilot[Any], key: str = "down") -> float:
    """Key press to frame: the median of some moves, in seconds."""

    async def move() -> None:
        await pilot._wait_for_screen()
        await pilot.press(key)

    return await timed(move, STEPS)


def container_for(server: AccountServer, folder: Path, token: str) -> Container:
    """Signed in at the server."""
    environment = {
        "LOOPIN_CONFIG_DIR": str(folder / "config"),
        "LOOPIN_STATE_DIR": str(folder / "state"),
        "CHAINLOOP_CONTROL_PLANE_API": server.grpc,
        "CHAINLOOP_API_INSECURE": "true",
        "CHAINLOOP_API_MAX_RECV_MSG_SIZE": str(2**30),
        "LOOPIN_REQUEST_TIMEOUT": "120",
    }
    return Container.headless(load(environment, {"chainloop_flag_token": token}), vault=MemoryVault())


async def bare(box: Container) -> tuple[float, float]:
    """Fetch, decode and map; and the part of it that is the server's and the wire's. Seconds."""
    gateway = await box.session.gateway()
    whole = await timed(lambda: gateway.list_tokens(StatusFilter.ALL))
    wire = await box.gateways.wire((await box.session.credential()).endpoint)  # type: ignore[attr-defined]  # below the port
    from app.clients import chainloop_mapping as mapping
    from app.domain.tokens import ScopeFilter

    request = mapping.list_request(StatusFilter.ALL, ScopeFilter.ANY, "")
    fetch = await waited(lambda: wire._call(wire._list, request, gateway._metadata))  # type: ignore[attr-defined]  # below the port
    return whole, fetch


async def memory(box: Container) -> tuple[float, int]:
    """Bytes a token of what the screen keeps, and how many there are."""
    gateway = await box.session.gateway()
    gc.collect()
    tracemalloc.start()
    listing = await box.list_tokens.do()
    book = Book(listing.tokens, listing.as_of, listing.identity.threshold, book_near())
    book.rows(Tab.ACTIVE, Sort())
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del gateway
    return kept / max(len(book.all), 1), len(book.all)


def book_near() -> Any:
    """What counts as near."""
    from datetime import timedelta

    return timedelta(days=14)


async def on_screen(box: Container) -> dict[str, float]:
    """Refresh, cursor and filter in the real app; seconds."""
    app = LoopinApp(box, screen="tokens")
    async with app.run_test(size=SIZE) as pilot:
        screen = app.screen
        assert isinstance(screen, TokensScreen)
        await until(lambda: screen._book is not None)
        await pilot.pause()

        async def refresh() -> None:
            before = screen._book
            await pilot.press("r")
            await until(lambda: screen._book is not before)
            await pilot._wait_for_screen()

        async with Heart() as heart:
            painted = await timed(refresh)
        move = await moved(pilot)
        bar, table = screen.query_one(FilterBar), screen.query_one(TokenTable)
        typed = []
        for length in range(1, len(FILTER) + 1):
            began = time.process_time()
            bar.type(FILTER[:length])

            def reached(text: str = FILTER[:length]) -> bool:
                return str(screen._filter) == text

            await until(reached)
            await pilot._wait_for_screen()
            typed.append(time.process_time() - began)
        book = screen._book
        assert book is not None
        wanted = filters.parse(FILTER).at(book.now)
        began = time.process_time()
        found = [row for row in book.all if wanted(row)]
        scan = time.process_time() - began
        assert len(found) == len(table.rows)
    return {
        "painted": painted,
        "gap": heart.longest,
        "move": move,
        "key": statistics.median(typed),
        "scan": scan,
    }


async def peers(count: int) -> dict[str, float]:
    """A move in an OptionList of 500, and filling a DataTable with `count` rows; seconds."""
    options = Options()
    async with options.run_test(size=SIZE) as pilot:
        move = await moved(pilot)
    rows: list[tuple[str, ...]] = [
        ("● active", f"bulk-{n}", "organization", "3 h ago", "76 d · idle") for n in range(count)
    ]
    table = Table(rows)
    async with table.run_test(size=SIZE) as pilot:
        began = time.process_time()
        await table.fill()
        await pilot._wait_for_screen()
        filled = time.process_time() - began
    return {"move": move, "table": filled}


async def measure(server: AccountServer, folder: Path, token: str) -> None:
    """Print one block."""
    box = container_for(server, folder, token)
    whole, fetch = await bare(box)
    size, count = await memory(box)
    found = await on_screen(box)
    peer = await peers(count)

    def line(what: str, ours: float, other: str, theirs: float, wanted: str) -> None:
        print(f"  {what:<34}{ours * 1000:>9.1f} ms   {other:<34}{theirs * 1000:>9.1f} ms", end="")
        print(f"   {ours / theirs if theirs else 0:>6.2f} ×   wanted {wanted}", flush=True)

    print(f"\n{count:,} tokens (the server and the wire: {fetch * 1000:.0f} ms of each listing)")
    line("key press to painted list", found["painted"], "fetch + decode + map, bare", whole, "≤ 1.15 ×")
    line("longest stop of the event loop", found["gap"], "", 0, "≤ 50 ms")
    line("cursor move to frame", found["move"], "OptionList of 500", peer["move"], "≤ 1.5 ×")
    line("one key of a filter", found["key"], "bare pass over the rows", found["scan"], "≤ 2 ×")
    line("the list in our table", found["painted"] - whole, "DataTable, filled", peer["table"], "-")
    print(f"  {'memory of the list and its book':<34}{size:>9.0f} bytes a token, wanted ≤ 1,024")
    await box.aclose()


def main() -> None:
    """One server for all sizes; tokens are added between them."""
    counts = [int(word) for word in sys.argv[1:]] or list(COUNTS)
    with tempfile.TemporaryDirectory(prefix="loopin-bench-") as name:
        server = start(Path(name) / "server")
        try:
            token, there = sign_in(server, *server.owner), 0
            for count in counts:
                bulk_tokens(server, "acme", count - there)
                there = count
                asyncio.run(measure(server, Path(name), token))
        finally:
            release(server.process)


if __name__ == "__main__":
    main()
