"""What the benchmarks share: whole processes, run in turns, medians and ratios.

A figure of one machine says little. So each benchmark runs its peer beside it, one of each in turn, and
what counts is the ratio of the medians. The processor time of a process hardly depends on what else the
machine does; the wall clock is what a person sees. Both are shown.
"""

import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
KEPT = ("PATH", "LANG", "TZ", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Run:
    """One run: seconds on the wall, and seconds of processor time of the process and its children."""

    wall: float
    cpu: float


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Variables of a run that touches nobody's files or keychain."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        **kept,
        "HOME": str(folder),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LOOPIN_CONFIG_DIR": str(folder / "config"),
        "LOOPIN_STATE_DIR": str(folder / "state"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        **more,
    }


def command(arguments: Sequence[str], variables: Mapping[str, str]) -> Run:
    """Run a program to its end, its output read and dropped; raise RuntimeError when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        arguments, cwd=ROOT, env=dict(variables), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert process.stdout is not None
    with process.stdout as said:
        said.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{arguments} ended with {process.returncode}")
    return Run(wall, used.ru_utime + used.ru_stime)


def first_frame(arguments: Sequence[str], variables: Mapping[str, str], marks: Sequence[bytes]) -> Run:
    """Run a full-screen program in a terminal until everything in `marks` was drawn, then end it."""
    began = time.perf_counter()
    with terminal(arguments, variables) as (process, descriptor):
        drawn(descriptor, marks)
        wall, cpu = time.perf_counter() - began, cpu_of(process)
    return Run(wall, cpu)


@contextmanager
def terminal(arguments: Sequence[str], variables: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """A program in a terminal of 120 × 36; gives its process id and the terminal's descriptor."""
    process, descriptor = pty.fork()
    if process == 0:  # pragma: no cover - the child
        os.chdir(ROOT)
        os.execvpe(arguments[0], list(arguments), dict(variables))
    try:
        ioctl(descriptor, TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        yield process, descriptor
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(descriptor)


def drawn(descriptor: int, marks: Sequence[bytes]) -> None:
    """Wait until everything in `marks` was drawn; raise RuntimeError when it does not come."""
    seen, end = b"", time.perf_counter() + PATIENCE
    while not all(mark in seen for mark in marks):
        seen += _read(descriptor, end, seen)


def read_on(descriptor: int, seconds: float) -> None:
    """Let a program go on drawing for so long, and drop what it draws."""
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            os.read(descriptor, 65536)


def _read(descriptor: int, end: float, seen: bytes) -> bytes:
    ready, _, _ = select.select([descriptor], [], [], max(end - time.perf_counter(), 0))
    if not ready:
        raise RuntimeError(f"the frame never came: {seen[-400:]!r}")
    return os.read(descriptor, 65536)


def cpu_of(process: int) -> float:
    """Processor seconds of a running process so far, all its threads, to the microsecond.

    The number of its clock is what clock_getcpuclockid(3) makes of a process id on Linux.
    """
    return time.clock_gettime(~process << 3 | 2)


def in_turns(peers: Mapping[str, Callable[[], Run]], times: int) -> dict[str, list[Run]]:
    """Run each peer `times` times, one after the other, after one round that only warms the caches."""
    for run in peers.values():
        run()
    found: dict[str, list[Run]] = {name: [] for name in peers}
    for _ in range(times):
        for name, run in peers.items():
            found[name].append(run())
    return found


def report(found: Mapping[str, Sequence[Run]], against: str) -> None:
    """Print medians in milliseconds, and each peer's ratio to `against`."""
    wall = {name: statistics.median(run.wall for run in runs) for name, runs in found.items()}
    cpu = {name: statistics.median(run.cpu for run in runs) for name, runs in found.items()}
    width = max(len(name) for name in found)
    print(f"{'':{width}}  wall ms  ratio   cpu ms  ratio   (medians of {len(found[against])})")
    for name in found:
        print(
            f"{name:{width}}  {wall[name] * 1000:7.0f}  {wall[name] / wall[against]:5.2f}"
            f"  {cpu[name] * 1000:7.0f}  {cpu[name] / cpu[against]:5.2f}"
        )


def times(default: int) -> int:
    """How often to run: the first argument, else `default`."""
    return int(sys.argv[1]) if len(sys.argv) > 1 else default


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder."""
    with tempfile.TemporaryDirectory(prefix="loopin-bench-", ignore_cleanup_errors=True) as made:
        yield Path(made)
