#!/usr/bin/env python3
"""Draw screenshots/*.svg from the scenes of the snapshot tests: scripts/screenshots.py [NAME …]"""

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# First, as in the tests: takes away what would make a picture depend on the machine.
import tests.support.scrub  # noqa: E402, F401
from tests.support import pictures  # noqa: E402


def main() -> int:
    """Draw the named ones, or all, and then drop what shows nothing any more."""
    wanted = sys.argv[1:] or list(pictures.PICTURES)
    for name in wanted:
        with pictures.reproducible():
            drawn, _ = asyncio.run(pictures.draw(name))
        for look, svg in drawn.items():
            pictures.file_of(name, look).write_text(svg, encoding="utf-8")
        print(name)
    kept = set(pictures.all_files())
    for file in pictures.FOLDER.glob("*.svg"):
        if file not in kept:
            file.unlink()
            print(f"dropped {file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
