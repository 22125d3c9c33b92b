#!/usr/bin/env python3
"""Run what CI runs, the fastest first, and stop at the first failure: scripts/check [--fast] [--list]

CI runs the README's test command, which is all of tests/. This runs the same, folder by folder, and before
it the tools that tests/architecture calls too: the table below is where it has them from.
"""

import argparse
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Step:
    """One command; it is good when it exits with 0."""

    name: str
    command: tuple[str, ...]


def _tool(name: str, program: str, *arguments: str) -> Step:
    return Step(name, (str(BIN / program), *arguments))


TOOLS = (
    _tool("style", "ruff", "check"),
    _tool("format", "ruff", "format", "--check"),
    _tool("imports", "lint-imports", "--no-cache"),
    _tool("types", "mypy"),
    _tool("security", "bandit", "--quiet", "--recursive", "app", "widgets", "--configfile", "pyproject.toml"),
)
PYTEST = ("-m", "pytest", "-n", "auto")
"""As in the README."""
QUICK = ("contract", "unit")
ORDER = (*QUICK, "architecture", "attack", "terminal", "tenants", "docs")
"""The fastest first; a folder that stands nowhere comes between these and the slow ones."""
SLOW = ("faults", "ui", "hygiene", "snapshots", "integration")
# They ran a moment ago.
_DONE = ("--deselect", "tests/architecture/test_checks.py::test_code_is_clean")


def folders() -> list[str]:
    """The folders of tests/, the quick ones first and the slow ones last."""
    found = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    return [*ORDER, *sorted(found.difference(ORDER, SLOW)), *SLOW]


def _tests(folder: str) -> Step:
    skipped = _DONE if folder == "architecture" else ()
    return Step(folder, (sys.executable, *PYTEST, "-q", f"tests/{folder}", *skipped))


def steps(*, fast: bool) -> list[Step]:
    """What to run, in order; with `fast` what takes a minute or two."""
    return [*TOOLS, *map(_tests, QUICK if fast else folders())]


def skipped(said: str) -> Counter[str]:
    """How many tests pytest left out, by reason: a tool that is not installed here is required in CI."""
    found: Counter[str] = Counter()
    for count, reason in re.findall(r"^SKIPPED \[(\d+)\] \S+?: (.+)$", said, re.M):
        found[reason] += int(count)
    return found


def run(wanted: Iterable[Step]) -> bool:
    """Run them, say how long each took and what it skipped, and stop at the first that fails.

    True when all are good.
    """
    for step in wanted:
        if sys.stdout.isatty():
            print(f"… {step.name}", end="\r", flush=True)
        begun = time.monotonic()
        done = subprocess.run(
            step.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        good = done.returncode == 0
        print(f"{'✓' if good else '✗'} {step.name:<13}{time.monotonic() - begun:7.1f} s", flush=True)
        for reason, count in skipped(done.stdout).items():
            print(f"    {count} skipped: {reason}", flush=True)
        if not good:
            print(done.stdout)
            print("again:", *step.command)
            return False
    return True


def main() -> int:
    """The command line; exit status 1 for a failure."""
    parser = argparse.ArgumentParser(description="Run what CI runs, the fastest first.")
    parser.add_argument("--fast", action="store_true", help="only what takes a minute or two")
    parser.add_argument("--list", action="store_true", help="say what would run")
    options = parser.parse_args()
    wanted = steps(fast=options.fast)
    if options.list:
        for step in wanted:
            print(f"{step.name:<13}", *step.command)
        return 0
    return 0 if run(wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
