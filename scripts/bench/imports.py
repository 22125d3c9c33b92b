#!/usr/bin/env python3
"""What importing costs before the first frame, and in `status`: the packages, and the heaviest modules.

scripts/bench/imports.py [VIEW]: VIEW is "frame" or "status". Python's own -X importtime, once each after
a run that warms the caches; milliseconds of a module without those that it imports. Measuring adds much.
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from common import ROOT, environment, folder
from status import signed_in

FRAME = ["-c", "import app.__main__, app.cli.start, app.bootstrap, app.tui.app, app.settings"]
STATUS = ["-m", "app", "status", "--offline", "--json"]
SHOWN = 12
_LINE = re.compile(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", re.MULTILINE)


def main() -> int:
    """Measure and print."""
    chosen = sys.argv[1:2] or ["frame", "status"]
    with folder() as home:
        if "frame" in chosen:
            _print("first frame", imports(FRAME, environment(home)))
        if "status" in chosen:
            with signed_in(Path(home)) as variables:
                _print("status --offline --json", imports(STATUS, variables))
    return 0


def imports(arguments: Sequence[str], variables: Mapping[str, str]) -> Mapping[str, float]:
    """Milliseconds by module."""
    said = ""
    for _ in range(2):
        command = [sys.executable, "-X", "importtime", *arguments]
        said = subprocess.run(
            command, cwd=ROOT, env=dict(variables), check=True, capture_output=True, text=True
        ).stderr
    return {name: int(spent) / 1000 for spent, name in _LINE.findall(said)}


def _print(what: str, modules: Mapping[str, float]) -> None:
    packages: Counter[str] = Counter()
    for name, spent in modules.items():
        top = name.partition(".")[0]
        packages["standard library" if top in sys.stdlib_module_names else top] += round(spent * 1000)
    print(f"{what}: {len(modules)} modules, {sum(modules.values()):.0f} ms")
    heaviest = sorted(modules.items(), key=lambda item: -item[1])[:SHOWN]
    rows = zip(packages.most_common(SHOWN), heaviest, strict=False)
    for (package, total), (name, spent) in rows:
        print(f"  {total / 1000:6.1f} {package:22}  {spent:6.1f} {name}")


if __name__ == "__main__":
    sys.exit(main())
