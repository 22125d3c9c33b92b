#!/usr/bin/env python3
"""What the app holds in memory with 1,000 tokens on the screen, beside a bare Textual app that has imported
the same libraries.

scripts/bench/memory.py [TIMES]: whole processes in a terminal of 120 × 36, in turns, each at rest for a
second; the account server on loopback. Pages of its own (USS) and its share of those that others use too
(PSS), as /proc/PID/smaps_rollup tells (proc(5)).
"""

import os
import re
import signal
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cold_start import BARE
from common import ROOT, drawn, environment, folder, read_on, terminal, times

sys.path.insert(0, str(ROOT))

from token_server import filled_server

TOKENS = 1_000
REST = 1.0
# At SIGUSR1 the app writes down what it has imported and is not our own.
APP = """
import signal, sys
def tell(*_):
    ours = {"app", "widgets", "__main__", "__mp_main__"}
    names = [name for name, module in sys.modules.items() if module and name.partition(".")[0] not in ours]
    with open(sys.argv[1], "w") as file:
        file.write("\\n".join(names))
signal.signal(signal.SIGUSR1, tell)
from app.__main__ import main
sys.exit(main([]))
"""
LIBRARIES = """
import importlib, sys, warnings
warnings.simplefilter("ignore")
for name in open(sys.argv[1]).read().split():
    try:
        importlib.import_module(name)
    except ImportError:
        pass
"""


def main() -> int:
    """Measure and print."""
    found: dict[str, list[Mapping[str, int]]] = {
        "bare Textual app, same libraries": [],
        "loopin, 1,000 tokens": [],
    }
    with folder() as home:
        for server, token in filled_server(home / "server", [TOKENS]):
            variables = environment(
                home,
                CHAINLOOP_TOKEN=token,
                CHAINLOOP_CONTROL_PLANE_API=server.grpc,
                CHAINLOOP_API_INSECURE="true",
            )
            for _ in range(times(3)):
                names = home / "modules"
                found["loopin, 1,000 tokens"].append(tokens_room(variables, names))
                found["bare Textual app, same libraries"].append(bare(variables, names))
    _print(found)
    return 0


def tokens_room(variables: Mapping[str, str], names: Path) -> Mapping[str, int]:
    """Open the app, go to the tokens, wait until they stand there; note what it imported in `names`."""
    with terminal([sys.executable, "-c", APP, str(names)], variables) as (process, descriptor):
        drawn(descriptor, [b"1 Accounts", b"help"])
        os.write(descriptor, b"2")
        drawn(descriptor, [b"bulk-"])
        read_on(descriptor, REST)
        size = pages(process)
        names.unlink(missing_ok=True)
        os.kill(process, signal.SIGUSR1)
        end = time.monotonic() + REST
        while not names.exists() or not names.stat().st_size:
            read_on(descriptor, REST / 20)
            if time.monotonic() > end + REST:
                raise RuntimeError("the app did not tell what it imported")
        return size


def bare(variables: Mapping[str, str], names: Path) -> Mapping[str, int]:
    """Open the bare app with the libraries in `names`."""
    with terminal([sys.executable, "-c", LIBRARIES + BARE, str(names)], variables) as (process, descriptor):
        drawn(descriptor, [b"last-cell", b"Leave"])
        read_on(descriptor, REST)
        return pages(process)


def pages(process: int) -> Mapping[str, int]:
    """Bytes of a process, by kind."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    size = {name: int(count) * 1024 for name, count in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}
    return {"USS": size["Private_Clean"] + size["Private_Dirty"], "PSS": size["Pss"]}


def _print(found: Mapping[str, Sequence[Mapping[str, int]]]) -> None:
    base, width = next(iter(found)), max(map(len, found))
    middle = {
        name: {kind: statistics.median(run[kind] for run in runs) for kind in ("USS", "PSS")}
        for name, runs in found.items()
    }
    print(f"{'':{width}}  USS MiB  ratio  PSS MiB  ratio   (medians of {len(found[base])})")
    for name, size in middle.items():
        columns = (f"{size[kind] / 2**20:7.1f}  {size[kind] / middle[base][kind]:5.2f}" for kind in size)
        print(f"{name:{width}}  {'  '.join(columns)}")


if __name__ == "__main__":
    sys.exit(main())
