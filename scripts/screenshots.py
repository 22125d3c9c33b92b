#!/usr/bin/env python3
"""Draw screenshots/*.svg from the scenes of the snapshot tests: scripts/screenshots.py [NAME …]"""

import asyncio
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# First, as in the tests: takes away what would make a picture depend on the machine.
import tests.support.scrub  # noqa: E402, F401
from tests.support import scenes, scenes_rooms  # noqa: E402
from tests.support.scenes import Scene  # noqa: E402

ALL: dict[str, Scene] = {**scenes.SCENES, **scenes_rooms.SCENES}
DARK = ("accounts", "login", "login-progress", "tokens", "create", "reveal", "auto-revoke", "help")
LIGHT = ("login-done", "tokens", "revoke-many", "auto-revoke", "activity")
PICTURES = [*((name, "dark") for name in DARK), *((name, "light") for name in LIGHT)]
# The picture would fetch its font from the web; every browser has a monospaced one of its own.
WEB_FONT = re.compile(r"@font-face\s*{[^}]*}\s*")


async def draw(name: str, look: str) -> str:
    """One picture as SVG text, without anything to fetch."""
    scene = ALL[name]
    app = scene.make(f"loopin-{look}")
    async with app.run_test(size=scenes.LARGE) as pilot:
        await pilot.press(*scene.keys)
        await scene.then(pilot)
        return WEB_FONT.sub("", app.export_screenshot(title="loopin"))


def main() -> int:
    """Draw the named ones, or all."""
    wanted = sys.argv[1:]
    for name, look in PICTURES:
        if not wanted or name in wanted:
            target = ROOT / "screenshots" / f"{name}.{look}.svg"
            target.write_text(asyncio.run(draw(name, look)), encoding="utf-8")
            print(target.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
