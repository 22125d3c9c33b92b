"""The page of figures: what was measured replaces its rows, everything else stays."""

import os
import select
import subprocess
import sys

from scripts import torture
from scripts.torture import Case, Result, end, finish, page, row

BEFORE = """# Title

| case | tries | held | lost | leaked | took | on |
|---|---:|---:|---:|---:|---:|---|
| one | 1 | 1 | 0 | 0 | 1 s | then |
| two | 2 | 2 | 0 | 0 | 2 s | then |

words

| database | call | calls | median | p95 |
|---|---|---:|---:|---:|
| sqlite | list | 5 | 1 ms | 2 ms |

more words
"""


def test_a_row_is_replaced_and_a_new_one_comes_last() -> None:
    told = ["| sqlite | list | 9 | 3 ms | 4 ms |", "| sqlite | create | 9 | 3 ms | 4 ms |", "not a row"]
    one, three = Result(Case("one"), 4, 3, 0, 7.0, lines=told), Result(Case("three"), 1, 1, 0, 1.0)
    after = page([one, three], BEFORE).splitlines()
    assert after[4].startswith("| one | 4 | 3 | 1 | 0 | 7 s | 2")
    assert after[5:7] == ["| two | 2 | 2 | 0 | 0 | 2 s | then |", row(three)]
    assert after[8] == "words"
    assert after[12:15] == [*told[:2], ""]
    assert after[-1] == "more words"


def test_what_leaked_is_told_apart_from_what_was_lost() -> None:
    lost, leaked = Result(Case("x"), 3, 1, 0, 1.0), Result(Case("x", leaks=True), 3, 1, 1, 1.0)
    assert row(lost).startswith("| x | 3 | 1 | 2 | 0 |")
    assert row(leaked).startswith("| x | 3 (1 skipped) | 1 | 0 | 1 |")
    assert row(Result(Case("x"), 0, 0, 0, 9.0)).startswith("| x | not run | – | – | – | 9 s |")


def test_a_case_that_is_cut_leaves_nothing_behind() -> None:
    """Neither the tests, nor a server that they started and that outlives them."""
    server = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); signal.pause()"
    tests = (
        "import os, signal, subprocess, sys\n"
        "signal.signal(signal.SIGINT, lambda *_: sys.exit())\n"
        f"child = subprocess.Popen([sys.executable, '-c', {server!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(os.getpid(), child.pid, flush=True)\n"
        "signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", tests], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        end(process)
    assert len(pids) == 2
    assert all(ended(pid) for pid in pids)


def test_a_case_that_takes_too_long_is_cut() -> None:
    assert finish([sys.executable, "-c", "import signal; signal.pause()"], 0.1) is None


def ended(pid: int) -> bool:
    """True as soon as the process is gone."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 10)[0])
    finally:
        os.close(handle)


def test_what_a_case_writes_is_read_to_its_end() -> None:
    said = finish(
        [sys.executable, "-c", "import sys; print('x' * 200_000); print('why', file=sys.stderr)"], 60
    )
    assert said == ("x" * 200_000 + "\n", "why\n")


def test_every_case_has_a_name_of_its_own_and_something_to_run() -> None:
    assert len({case.name for case in torture.CASES}) == len(torture.CASES)
    assert all(bool(case.tests) != bool(case.script) for case in torture.CASES)
    for word in (word for case in torture.CASES for word in (*case.tests, *case.script)):
        assert "/" not in word or (torture.ROOT / word).exists(), word
