"""The real time."""

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clocks: the wall clock for moments, the monotonic one for durations."""

    def now(self) -> datetime:
        """The current moment, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
