#!/usr/bin/env python3
"""Run what CI runs, the fastest first, and stop at the first failure.

scripts/check [--static | --fast] [--list]
scripts/check --size

The static checks look at the code without running it. The tests are those of the README's test command.
`--size` measures the program instead, and fails for nothing.
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


def _script(name: str, *arguments: str) -> Step:
    return Step(name, (sys.executable, *arguments))


STATIC = (
    _tool("style", "ruff", "check"),
    _tool("format", "ruff", "format", "--check"),
    _script("clock", "scripts/lint_clock.py"),
    _script("protobuf", "scripts/protos.py", "--check"),
    _tool("imports", "lint-imports", "--no-cache"),
    _tool("security", "bandit", "--quiet", "--recursive", "app", "widgets", "--configfile", "pyproject.toml"),
    _tool("types", "mypy"),
)
PYTEST = ("-m", "pytest", "-n", "auto")
"""As in the README."""
FAST_TESTS = _script("tests", *PYTEST, "-q", "-m", "not slow")
ALL_TESTS = _script("tests", *PYTEST, "-q")


def steps(*, static: bool = False, fast: bool = False) -> list[Step]:
    """What to run, in order: all of it, without the slow tests, or no tests at all."""
    if static:
        return list(STATIC)
    return [*STATIC, FAST_TESTS if fast else ALL_TESTS]


def skipped(output: str) -> Counter[str]:
    """How many tests pytest left out, by reason: a tool that is not installed here is required in CI."""
    reasons: Counter[str] = Counter()
    for count, reason in re.findall(r"^SKIPPED \[(\d+)\] \S+?: (.+)$", output, re.M):
        reasons[reason] += int(count)
    return reasons


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
    parser.add_argument("--static", action="store_true", help="no tests")
    parser.add_argument("--fast", action="store_true", help="no slow tests")
    parser.add_argument("--list", action="store_true", help="say what would run")
    parser.add_argument("--size", action="store_true", help="print the size of the program and its targets")
    options = parser.parse_args()
    if options.size:
        return subprocess.run([sys.executable, str(ROOT / "scripts" / "size.py")], check=False).returncode
    wanted = steps(static=options.static, fast=options.fast)
    if options.list:
        for step in wanted:
            print(f"{step.name:<13}", *step.command)
        return 0
    return 0 if run(wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
