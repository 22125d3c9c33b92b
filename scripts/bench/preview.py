#!/usr/bin/env python3
"""A change of the threshold in the Auto-revoke room, at 100,000 tokens, against the real server.

scripts/bench/preview.py [COUNT]: one key press, partition, histogram, table and frame included, beside a
bare Python pass of the rule over the same tokens. Medians and the ratio, in one process and run.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tokens import SIZE, container_for, until

from app.domain.inactivity import fate
from app.domain.preview import Partition
from app.tui.app import LoopinApp
from app.tui.screens.auto_revoke.screen import AutoRevokeScreen
from tests.support.server import AccountServer, bulk_tokens, release, sign_in, start
from tests.support.server_process import run_program
from widgets.threshold_preview import ThresholdPreview

COUNT, TIMES = 100_000, 9


def changed_from(screen: AutoRevokeScreen, before: Partition | None) -> Callable[[], bool]:
    """True once the screen shows another partition."""
    return lambda: screen.query_one(ThresholdPreview).partition is not before


async def measure(server: AccountServer, folder: Path, token: str) -> None:
    """Print one line."""
    box = container_for(server, folder, token)
    app = LoopinApp(box, screen="auto_revoke")
    async with app.run_test(size=SIZE) as pilot:
        screen = app.screen
        assert isinstance(screen, AutoRevokeScreen)
        await until(lambda: screen._preview is not None)
        await pilot.pause()
        preview = screen._preview
        assert preview is not None
        changes, passes = [], []
        for turn in range(TIMES):
            before = screen.query_one(ThresholdPreview).partition
            began = time.process_time()
            await pilot.press("plus" if turn % 2 else "minus")
            await until(changed_from(screen, before))
            await pilot._wait_for_screen()
            changes.append(time.process_time() - began)
            began = time.process_time()
            fates = [fate(token, 60 + turn, preview.now) for token in preview.tokens]
            passes.append(time.process_time() - began)
            assert len(fates) == len(preview.tokens)
    change, bare = statistics.median(changes), statistics.median(passes)
    print(
        f"{len(preview.tokens):,} tokens: threshold to frame {change * 1000:.1f} ms, "
        f"bare pass of the rule {bare * 1000:.1f} ms, {change / bare:.2f} ×, wanted ≤ 2 ×"
    )
    await box.aclose()


def main() -> None:
    """One server with as many tokens as asked for."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory(prefix="loopin-bench-") as name:
        server = start(Path(name) / "server", launch=run_program)
        try:
            token = sign_in(server, *server.owner)
            bulk_tokens(server, "acme", count)
            asyncio.run(measure(server, Path(name), token))
        finally:
            release(server.process)


if __name__ == "__main__":
    main()
