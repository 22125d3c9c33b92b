#!/usr/bin/env python3
"""Record docs/recordings/*.cast, the three chapters of the tour: scripts/recordings.py"""

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# First, as in the tests: takes away what would make a recording depend on the machine.
import tests.support.scrub  # noqa: E402, F401
from tests.support import recorder  # noqa: E402


def main() -> int:
    """Record all, from first to last in one go."""
    recorder.FOLDER.mkdir(exist_ok=True)
    for name, text in asyncio.run(recorder.record()).items():
        file = recorder.FOLDER / f"{name}.cast"
        file.write_text(text, encoding="utf-8")
        print(f"{file.relative_to(ROOT)}  {len(text) // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
