"""Run the hard cases and write what held: `python scripts/torture.py [--only WORD]`.

Prints a table (case, tries, held, lost, leaked) and writes it to docs/reliability.md. A try is one test.
`lost` counts tries after which a login, a write or a terminal was not as promised, `leaked` those after
which a secret or a control sequence was found where none may be. Each case is bounded in time, and so are
all of them together.
"""

import argparse
import platform
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability.md"
ALL_WITHIN, ONE_WITHIN = 590.0, 240.0


@dataclass(frozen=True, slots=True)
class Case:
    """`tests` are what pytest takes; a failure counts as leaked when `leaks`, else as lost."""

    name: str
    tests: Sequence[str]
    leaks: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """How a case ended; `left` are tries that were skipped, `broken` says of each failure what it was."""

    case: Case
    tries: int
    held: int
    left: int
    seconds: float
    broken: Sequence[str] = ()

    @property
    def failed(self) -> int:
        """Tries that did not hold."""
        return self.tries - self.held - self.left


CASES = (
    Case("each sign-in, each step, each way in which a wire breaks", ["tests/faults/test_network.py"]),
    Case("keychain, disk, clock, port and browser fail a sign-in", ["tests/faults/test_machine.py"]),
    Case("kill -9 after each change to the keychain", ["tests/integration/gumloop/test_kill.py"]),
    Case(
        "processes that renew one session at the same time",
        ["tests/integration/gumloop/test_refresh_race.py", "tests/integration/gumloop/test_refresh.py"],
    ),
    Case("files on a full disk, half written, by three processes", ["tests/unit/store/test_files.py"]),
    Case("a keychain in each of its states", ["tests/integration/keychain/test_states.py"]),
    Case("marked secrets through every flow", ["tests/hygiene/test_marked_secrets.py"], leaks=True),
    Case(
        "secrets in the app, in core dumps, in children",
        ["tests/hygiene/test_app_secrets.py", "tests/hygiene/test_protection.py"],
        leaks=True,
    ),
    Case("a thousand hostile names on every screen", ["tests/hygiene/test_terminal_screens.py"], leaks=True),
    Case("hostile names, arguments and variables", ["tests/hygiene/test_terminal_cli.py"], leaks=True),
    Case("the terminal after the end, a signal, a kill -9", ["tests/terminal/test_demo.py"]),
    Case("a sign-in interrupted, killed, suspended", ["tests/faults/test_processes.py"]),
)


def run(case: Case, within: float) -> Result:
    """Run one case for `within` seconds at most."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        try:
            subprocess.run(
                [*command, *case.tests], cwd=ROOT, capture_output=True, timeout=within, check=False
            )
        except subprocess.TimeoutExpired:
            return Result(case, 0, 0, 0, within)
        return read(case, report, time.monotonic() - began)


def read(case: Case, report: Path, seconds: float) -> Result:
    """Count what pytest wrote down; without a report nothing was tried, and nothing held."""
    if not report.exists():
        return Result(case, 1, 0, 0, seconds)
    root = ET.parse(report).getroot()
    suite = root.find("testsuite")
    count = {name: int((suite.get(name) if suite is not None else None) or 0) for name in _COUNTED}
    bad = count["failures"] + count["errors"]
    held = count["tests"] - bad - count["skipped"]
    return Result(case, count["tests"], held, count["skipped"], seconds, broken(root))


def broken(root: ET.Element) -> Sequence[str]:
    """Name and first line of each failure."""
    found = []
    for test in root.iter("testcase"):
        for kind in ("failure", "error"):
            for problem in test.findall(kind):
                told = (problem.get("message") or "").split("\n")[0]
                found.append(f"{test.get('classname')}::{test.get('name')}: {told[:200]}")
    return found


_COUNTED = ("tests", "failures", "errors", "skipped")


def row(result: Result) -> str:
    """One line of the table."""
    lost, leaked = (0, result.failed) if result.case.leaks else (result.failed, 0)
    if not result.tries:
        return f"| {result.case.name} | not run | – | – | – | {result.seconds:.0f} s |"
    skipped = f" ({result.left} skipped)" if result.left else ""
    return (
        f"| {result.case.name} | {result.tries}{skipped} | {result.held} | {lost} | {leaked} "
        f"| {result.seconds:.0f} s |"
    )


def page(results: Sequence[Result]) -> str:
    """docs/reliability.md."""
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return "\n".join(
        [
            "# What holds when things go wrong",
            "",
            "Written by `python scripts/torture.py`: real processes against real servers and a real",
            "keychain, on this machine alone, in under ten minutes. *Lost*: a login, a write or a terminal",
            "was not as promised afterwards. *Leaked*: a secret or a control sequence was found where none",
            "may be. What is promised stands in [SECURITY.md](../SECURITY.md); which test stands for which",
            "fault at which step, in `tests/faults/matrix.py`.",
            "",
            f"Last run: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {system}.",
            "",
            "| case | tries | held | lost | leaked | took |",
            "|---|---:|---:|---:|---:|---:|",
            *(row(result) for result in results),
            "",
        ]
    )


def main() -> int:
    """Run, print, write; 1 when something was lost or leaked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD", help="cases with WORD in their name; no page")
    only = parser.parse_args().only
    end, results = time.monotonic() + ALL_WITHIN, []
    for case in (case for case in CASES if only in case.name):
        results.append(run(case, max(min(ONE_WITHIN, end - time.monotonic()), 1)))
        print(row(results[-1]), *results[-1].broken, sep="\n", flush=True)
    if not only:
        PAGE.write_text(page(results), encoding="utf-8")
        print(f"written to {PAGE.relative_to(ROOT)}")
    return int(any(result.failed or not result.tries for result in results))


if __name__ == "__main__":
    sys.exit(main())
