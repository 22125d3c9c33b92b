#!/usr/bin/env python3
"""The Tokens room against the real server, at 100, 10,000 and 100,000 tokens.

scripts/bench/tokens.py [COUNT …]: in one process and run, medians and ratios, beside peers that do the bare
work: fetching, decoding and mapping without a screen; Textual's OptionList of 500 rows; a bare Python pass
of the filter over the rows; Textual's DataTable.

Half of the tokens expire, and a threshold of 90 days is set, so that every row has a deadline to be worked
out. A frame counts once its bytes for the terminal are made. Every wait ends after PATIENCE.
"""

import asyncio
import gc
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from textual import events
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import DataTable, OptionList
from token_server import filled_server

from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from app.domain import filter as filters
from app.domain.token_index import TokenIndex
from app.domain.token_row import Sort, Tab
from app.domain.tokens import StatusFilter
from app.settings import load
from app.tui.app import LoopinApp
from app.tui.screens.tokens.screen import TokensScreen
from tests.support.server import AccountServer
from widgets.detail_pane import DetailText
from widgets.token_browser import TokenBrowser
from widgets.token_table import TokenTable

COUNTS = (100, 10_000, 100_000)
TIMES, STEPS, SIZE, PATIENCE = 3, 20, (120, 36), 60.0
FILTER = "bulk-9"
NEAR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds on the wall, and seconds of this process's own work.

    Waiting for the server is not in the work, and what else the machine does hardly counts there.
    """

    wall: float
    work: float


async def rest() -> None:
    """A short break."""
    await asyncio.sleep(0.05)


async def timed(
    work: Callable[[], Awaitable[object]],
    times: int = TIMES,
    after: Callable[[], Awaitable[object]] = rest,
) -> Took:
    """The medians of some runs. What a run gives is let go of outside, and `after` is not measured."""
    walls, works = [], []
    for _ in range(times):
        gc.collect()
        wall, worked = time.perf_counter(), time.process_time()
        given = await work()
        works.append(time.process_time() - worked)
        walls.append(time.perf_counter() - wall)
        del given
        await after()
    return Took(statistics.median(walls), statistics.median(works))


class Heart:
    """Beats in the event loop: `longest` is the longest time in which it could not, in seconds.

    `own` is how much of a stop this thread itself worked; the rest went to other threads and programs.
    """

    def __init__(self) -> None:
        self.longest = self.own = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Heart":
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _beat(self) -> None:
        wall, worked = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now, own = time.perf_counter(), time.thread_time()
            self.longest = max(self.longest, now - wall - 0.001)
            self.own = max(self.own, own - worked)
            wall, worked = now, own


class Frames(App[Any]):
    """Makes the bytes of each frame, as on a terminal, and tells when one shows what is waited for."""

    reached: Callable[[], bool] | None = None
    came: asyncio.Event

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        super()._display(screen, renderable)
        if hasattr(renderable, "render_segments"):
            renderable.render_segments(self.console)
            if self.reached is not None and self.reached():
                self.came.set()

    async def until(self, reached: Callable[[], bool], *painted: Widget) -> None:
        """Wait for a frame after which `reached()`, with nothing in `painted` left to paint."""

        def whole() -> bool:
            return reached() and not any(w._repaint_required or w._layout_required for w in painted)

        self.came, self.reached = asyncio.Event(), whole
        async with asyncio.timeout(PATIENCE):
            await self.came.wait()
        self.reached = None

    async def press(self, key: str, reached: Callable[[], bool], *painted: Widget) -> None:
        """Press a key, as the terminal driver does, and wait for its frame."""
        character = key if len(key) == 1 else None
        self.post_message(events.Key(key, character))
        await self.until(reached, *painted)


async def until(true: Callable[[], bool]) -> None:
    """Let an app work until `true()`; give up after PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - the app tells nobody else
            await asyncio.sleep(0.002)


class Options(Frames):
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
        async with asyncio.timeout(PATIENCE):
            while table._require_update_dimensions:  # noqa: ASYNC110 - Textual tells nobody
                await asyncio.sleep(0)


class MeasuredApp(Frames, LoopinApp):
    """The app, measured frame by frame."""


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
    return Container(load(environment, {"chainloop_flag_token": token}), vault=MemoryVault())


async def bare(box: Container) -> Took:
    """Fetch, decode and map."""
    gateway = await box.chainloop_session.open_gateway()
    return await timed(lambda: gateway.list_tokens(StatusFilter.ALL))


async def memory(box: Container) -> tuple[float, int]:
    """Bytes a token of what the screen keeps once all is worked out, and how many there are."""
    await box.chainloop_session.open_gateway()
    gc.collect()
    tracemalloc.start()
    listing = await box.tokens.list_tokens()
    index = TokenIndex(listing.tokens, listing.as_of, listing.identity.threshold, NEAR)
    index.sort(Tab.ACTIVE, Sort())
    index.build_rows()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept / max(len(index.all), 1), len(index.all)


class Visit:
    """One visit to the room, with what is measured there."""

    def __init__(self, app: MeasuredApp, screen: TokensScreen) -> None:
        self.app = app
        self.screen = screen
        self.browser = screen.query_one(TokenBrowser)
        self.table = screen.query_one(TokenTable)
        self.list_parts: list[Widget] = [
            self.table,
            *screen.query("TabsWithCounts, #filter-note, Footer, TopBar").results(Widget),
        ]

    async def refresh(self) -> None:
        """Press r and wait for the new list."""
        before = self.browser.index
        await self.app.press("r", lambda: self.browser.index is not before, *self.list_parts)

    async def settle(self) -> None:
        """Wait until all that may follow the painted list is done."""
        async with asyncio.timeout(PATIENCE):
            await self.app.workers.wait_for_complete()
        await rest()

    async def frame(self) -> None:
        """Paint the whole screen as it is."""
        self.screen.refresh()
        await self.app.until(lambda: True)

    async def move(self) -> None:
        """One row down, to the frame in which the cursor is there."""
        wanted = self.table.cursor + 1
        await self.app.press("down", lambda: self.table.cursor == wanted, self.table)

    async def follow(self) -> None:
        """One row down, to the frame in which the detail pane shows that row, too."""
        wanted, pane = self.table.cursor + 1, self.screen.query_one(DetailText)

        def shown() -> bool:
            here = self.table.row
            return (
                self.table.cursor == wanted
                and here is not None
                and pane.detail is not None
                and pane.detail.row.token is here.token
            )

        await self.app.press("down", shown, self.table, pane)

    async def type(self, text: str) -> Took:
        """Type one letter after the other; the median letter."""
        found = []
        for length, letter in enumerate(text, 1):

            async def one(key: str = letter, so_far: str = text[:length]) -> None:
                key = {"-": "minus"}.get(key, key)
                self.app.post_message(events.Key(key, so_far[-1]))
                await self.app.until(lambda: str(self.browser.filter) == so_far, *self.list_parts)

            found.append(await timed(one, 1))
        return Took(statistics.median(t.wall for t in found), statistics.median(t.work for t in found))


async def on_screen(box: Container) -> dict[str, Took]:
    """Refresh, cursor and filter in the real app."""
    app = MeasuredApp(box, screen="tokens")
    async with app.run_test(size=SIZE) as pilot:
        screen = app.screen
        assert isinstance(screen, TokensScreen)
        visit = Visit(app, screen)
        await app.until(lambda: visit.browser.index is not None)
        await pilot.pause()
        await visit.settle()
        found = {"painted": await timed(visit.refresh, after=visit.settle)}
        await visit.refresh()
        found["after"] = await timed(visit.settle, 1)
        async with Heart() as heart:
            await visit.refresh()
            await visit.settle()
        found["stop"] = Took(heart.longest, heart.own)
        found["frame"] = await timed(visit.frame, STEPS)
        visit.table.focus()
        await pilot.pause()
        found["move"] = await timed(visit.move, STEPS)
        found["follow"] = await timed(visit.follow, STEPS)
        await app.press("slash", lambda: app.focused is not None and app.focused.id == "filter-input")
        found["key"] = await visit.type(FILTER)
        found["scan"] = scan(visit.browser.index, len(visit.table.rows))
    return found


def scan(index: TokenIndex | None, wanted_rows: int) -> Took:
    """A bare pass of the same filter over all rows."""
    assert index is not None
    wanted, rows = filters.parse(FILTER).at(index.now), list(index.all)
    walls, works = [], []
    for _ in range(TIMES):
        wall, worked = time.perf_counter(), time.process_time()
        found = [row for row in rows if wanted(row)]
        works.append(time.process_time() - worked)
        walls.append(time.perf_counter() - wall)
        assert len(found) >= wanted_rows > 0
    return Took(statistics.median(walls), statistics.median(works))


async def peers(count: int) -> dict[str, Took]:
    """A move in an OptionList of 500, and filling a DataTable with `count` rows."""
    options = Options()
    async with options.run_test(size=SIZE) as pilot:
        shown = options.query_one(OptionList)
        shown.focus()
        await pilot.pause()

        async def move() -> None:
            wanted = 0 if shown.highlighted is None else shown.highlighted + 1
            await options.press("down", lambda: shown.highlighted == wanted, shown)

        moved = await timed(move, STEPS)
    rows: list[tuple[str, ...]] = [
        ("● active", f"bulk-{n}", "organization", "3 h ago", "76 d · idle") for n in range(count)
    ]
    table = Table(rows)
    async with table.run_test(size=SIZE):
        filled = await timed(table.fill, 1)
    return {"options": moved, "table": filled}


async def measure(server: AccountServer, folder: Path, token: str) -> None:
    """Print one block."""
    box = container_for(server, folder, token)
    alone = await bare(box)
    size, count = await memory(box)
    found = await on_screen(box) | await peers(count)

    def line(what: str, ours: Took, other: str = "", theirs: Took | None = None, wanted: str = "") -> None:
        print(f"  {what:<32}{ours.work * 1000:>9.1f} ms ({ours.wall * 1000:>8.1f})", end="")
        if theirs is not None:
            print(f"   {other:<26}{theirs.work * 1000:>8.1f} ms ({theirs.wall * 1000:>8.1f})", end="")
            print(f"{ours.work / max(theirs.work, 1e-9):>8.2f} × ({ours.wall / theirs.wall:.2f})", end="")
        print(f"   {wanted}", flush=True)

    print(f"\n{count:,} tokens: work of this process (and the wall clock)")
    line("key press to painted list", found["painted"], "fetch + decode + map", alone, "≤ 1.15 ×")
    line("… what follows after the paint", found["after"])
    line("a frame of the whole screen", found["frame"])
    line("longest stop of the event loop", found["stop"], wanted="≤ 50 ms")
    line("cursor move to frame", found["move"], "OptionList of 500", found["options"], "≤ 1.5 ×")
    line("… until the detail follows", found["follow"], "OptionList of 500", found["options"])
    line("one key of a filter", found["key"], "bare pass over the rows", found["scan"], "≤ 2 ×")
    line("DataTable, filled", found["table"])
    print(f"  {'memory of the list and its index':<32}{size:>9.0f} bytes a token, wanted ≤ 1,024")
    await box.aclose()


def main() -> None:
    """One server for all sizes; tokens are added between them."""
    counts = [int(word) for word in sys.argv[1:]] or list(COUNTS)
    with tempfile.TemporaryDirectory(prefix="loopin-bench-") as name:
        folder = Path(name)
        for server, token in filled_server(folder / "server", counts):
            asyncio.run(measure(server, folder, token))


if __name__ == "__main__":
    main()
