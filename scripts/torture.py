"""Run the hard cases and write what held: `python scripts/torture.py [--only WORD]`.

Prints a table (case, tries, held, lost, leaked) and writes it to docs/reliability.md. A try is one test, and
under load one call. `lost` counts tries after which a login, a write or a terminal was not as promised,
`leaked` those after which a secret, a control sequence or something of another organization was found where
none may be. Each case is bounded in time, and so are all of them together. With `--only` the other rows of
the page stay as they are; each row says when it was measured.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability.md"
ALL_WITHIN, ONE_WITHIN = 1800.0, 240.0
# Seconds for a case that is cut to end what it started.
TO_TIDY_UP = 10.0
LOAD = "scripts/bench/load.py"
SWEEP = ("tests/faults/test_interrupted.py", "--sweep", "-n", "2", "--dist", "load")
# How the two tables of the page begin: what was tried, and what the load cases measured.
CASES_HEAD, LOAD_HEAD = "| case |", "| database |"


@dataclass(frozen=True, slots=True)
class Case:
    """`tests` are what pytest takes, or `script` is what Python runs: it prints its result as JSON.

    A failure counts as leaked when `leaks`, else as lost.
    """

    name: str
    tests: Sequence[str] = ()
    leaks: bool = False
    script: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How a case ended; `left` are tries that were skipped, `broken` says of each failure what it was.

    `lines` are what a script has to tell besides.
    """

    case: Case
    tries: int
    held: int
    left: int
    seconds: float
    broken: Sequence[str] = ()
    lines: Sequence[str] = ()

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
    Case(
        "files on a full disk, half written, by three processes",
        ["tests/unit/adapters/storage/test_files.py"],
    ),
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
    Case("a Gumloop sign-in interrupted in the middle of each step", [*SWEEP, "-k", "gumloop"]),
    Case("a Chainloop sign-in interrupted in the middle of each step", [*SWEEP, "-k", "chainloop"]),
    Case("calls that fail once, answers that get lost", ["tests/faults/test_retries.py"]),
    Case("servers and keychains that attack", ["tests/hygiene/test_hostile_answers.py"]),
    Case("two organizations: every call for every kind of caller", ["tests/tenants"], leaks=True),
    Case(
        "a server whose disk is full or whose database is gone", ["tests/integration/server/test_faults.py"]
    ),
    Case("200 clients for a minute on SQLite", script=[LOAD, "--database", "sqlite"]),
    Case("200 clients for a minute on PostgreSQL", script=[LOAD, "--database", "postgresql"]),
    Case("kill -9 of a server under load, twice on each database", script=[LOAD, "--kill", "2"]),
    Case("a stop of a server under load, twice on each database", script=[LOAD, "--stop", "2"]),
)


def run(case: Case, within: float) -> Result:
    """Run one case for `within` seconds at most."""
    return run_script(case, within) if case.script else run_tests(case, within)


def run_script(case: Case, within: float) -> Result:
    """Run a script that prints `Report` of scripts/bench/load.py."""
    began = time.monotonic()
    done = finish([sys.executable, *case.script, "--json"], within)
    if done is None:
        return Result(case, 0, 0, 0, within)
    output, errors = done
    try:
        said = json.loads(output)
    except ValueError:
        return Result(case, 1, 0, 0, time.monotonic() - began, [errors[-300:]])
    held = said["tries"] - min(said["lost"], said["tries"])
    return Result(case, said["tries"], held, 0, time.monotonic() - began, said["broken"], said["lines"])


def run_tests(case: Case, within: float) -> Result:
    """Run tests and count."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        if finish([*command, *case.tests], within) is None:
            return Result(case, 0, 0, 0, within)
        return read(case, report, time.monotonic() - began)


def finish(command: Sequence[str], within: float) -> tuple[str, str] | None:
    """Run it and return what it wrote, output and errors; None when it had to be cut, with all it started."""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            return process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            return None
        finally:
            end(process)


def end(process: "subprocess.Popen[str]") -> None:
    """End it and its children; as ctrl+c first, so that tests stop the servers that they started."""
    with suppress(ProcessLookupError, subprocess.TimeoutExpired):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(TO_TIDY_UP)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


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
    measured = f"{result.seconds:.0f} s | {datetime.now(UTC):%Y-%m-%d %H:%M} |"
    if not result.tries:
        return f"| {result.case.name} | not run | – | – | – | {measured}"
    skipped = f" ({result.left} skipped)" if result.left else ""
    return f"| {result.case.name} | {result.tries}{skipped} | {result.held} | {lost} | {leaked} | {measured}"


def page(results: Sequence[Result], before: str) -> str:
    """The page with the rows of these results in it; everything else stays as it is."""
    lines = before.splitlines()
    for result in results:
        put(lines, CASES_HEAD, row(result), cells=1)
        for line in result.lines:
            if line.startswith("|"):
                put(lines, LOAD_HEAD, line, cells=2)
    return "\n".join(lines) + "\n"


def put(lines: list[str], head: str, row: str, cells: int) -> None:
    """Replace the row of that table that begins with the same cells, or add it at the end."""
    key = row.split(" | ")[:cells]
    at = next(number for number, line in enumerate(lines) if line.startswith(head)) + 2
    while at < len(lines) and lines[at].startswith("|"):
        if lines[at].split(" | ")[:cells] == key:
            lines[at] = row
            return
        at += 1
    lines.insert(at, row)


def main() -> int:
    """Run, print, write; 1 when something was lost or leaked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD", help="cases with WORD in their name")
    only = parser.parse_args().only
    until, results = time.monotonic() + ALL_WITHIN, []
    for case in (case for case in CASES if only in case.name):
        left = until - time.monotonic()
        results.append(run(case, min(ONE_WITHIN, left)) if left > 0 else Result(case, 0, 0, 0, 0))
        print(row(results[-1]), *results[-1].broken, sep="\n", flush=True)
    PAGE.write_text(page(results, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"written to {PAGE.relative_to(ROOT)}")
    return int(any(result.failed or not result.tries for result in results))


if __name__ == "__main__":
    sys.exit(main())
