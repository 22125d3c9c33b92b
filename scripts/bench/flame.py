#!/usr/bin/env python3
"""Where each millisecond goes, as text: what runs while the first frame, `status` and a sign-in come about.

scripts/bench/flame.py [VIEW] [LEAST]: VIEW is "frame", "status" or "sign-in", LEAST the milliseconds below
which a branch is left out (3). One run of each, sampled every millisecond, which takes a tenth more. Frames
that lead to one other frame alone are on its line.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path

from common import ROOT, drawn, environment, folder, read_on, terminal
from sign_in import machine, sign_in_with
from status import signed_in

SAMPLED = [sys.executable, str(Path(__file__).with_name("sampler.py"))]
Path_ = tuple[str, ...]


def main() -> int:
    """Sample and print."""
    views = {"frame": frame, "status": status, "sign-in": sign_in}
    chosen = sys.argv[1:2] or list(views)
    least = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    for name in chosen:
        with folder() as home:
            stacks = views[name](home)
        print(f"{name}: {sum(stacks.values())} ms")
        show(stacks, least)
    return 0


def frame(home: Path) -> Counter[Path_]:
    """The bare `loopin` up to its first full frame."""
    out = home / "stacks"
    with terminal([*SAMPLED, str(out), "-m", "app"], environment(home)) as (process, descriptor):
        drawn(descriptor, [b"1 Accounts", b"Gumloop", b"Chainloop", b"help"])
        os.kill(process, signal.SIGUSR1)
        end = time.monotonic() + 10
        # The terminal is gone with the program.
        with suppress(OSError):
            while time.monotonic() < end:
                read_on(descriptor, 0.1)
    return read(out)


def status(home: Path) -> Counter[Path_]:
    """`loopin status --offline --json` with stored logins."""
    out = home / "stacks"
    with signed_in(home) as variables:
        subprocess.run(
            [*SAMPLED, str(out), "-m", "app", "status", "--offline", "--json"],
            cwd=ROOT, env=dict(variables), check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return read(out)


def sign_in(home: Path) -> Counter[Path_]:
    """`loopin gumloop login --method oauth`, waiting left out."""
    out = home / "stacks"
    with machine(home) as (server, variables):
        sign_in_with([*SAMPLED, str(out), "-m", "app"], server, variables, home)
    return read(out)


def read(out: Path) -> Counter[Path_]:
    """Stacks and their milliseconds."""
    found: Counter[Path_] = Counter()
    for line in out.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        found[tuple(stack.split(";"))] += int(count)
    return found


def show(stacks: Counter[Path_], least: float) -> None:
    """Print the tree, the heaviest branch first."""
    total: Counter[Path_] = Counter()
    for stack, count in stacks.items():
        for depth in range(1, len(stack) + 1):
            total[stack[:depth]] += count
    children: dict[Path_, list[Path_]] = defaultdict(list)
    for path, count in total.items():
        if count >= least:
            children[path[:-1]].append(path)
    _branch((), children, total, 0)


def _branch(path: Path_, children: dict[Path_, list[Path_]], total: Counter[Path_], depth: int) -> None:
    for child in sorted(children[path], key=lambda c: -total[c]):
        end, line = child, [child[-1]]
        while len(children[end]) == 1 and total[children[end][0]] >= 0.95 * total[end]:
            end = children[end][0]
            line.append(end[-1])
        words = line[0] if len(line) == 1 else f"{line[0]} … {line[-1]}"
        print(f"{total[child]:5d} {'  ' * depth}{words}")
        _branch(end, children, total, depth + 1)


if __name__ == "__main__":
    sys.exit(main())
