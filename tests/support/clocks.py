"""Time that stands still until a test moves it."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta


class ManualClock:
    """A clock at `now` that only `advance` moves; sleepers wake when their moment has come."""

    def __init__(self, now: datetime | None = None) -> None:
        self._start = now or datetime.now(UTC)
        self._passed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._asleep = asyncio.Event()

    def now(self) -> datetime:
        """The moment it is."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Seconds since it was made."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Wait until somebody advances the clock far enough."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + seconds, id(future), future))
        self._asleep.set()
        await future

    async def somebody_sleeps(self) -> None:
        """Return when somebody waits on this clock."""
        await self._asleep.wait()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds
        while self._sleepers and self._sleepers[0][0] <= self._passed:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
