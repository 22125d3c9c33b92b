"""Every entry of the checklist has a test that is there, or a reason; every attack stands in it."""

import re
from pathlib import Path

import pytest

from tests.attack.checklist import CHECKLIST, DOES_NOT_APPLY
from tests.faults.test_matrix import functions_in

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Not of a section: they show that other tests can fail, or that a server ends.
BESIDE = {
    "test_the_forger_of_these_tests_can_make_a_good_one",
    "test_this_test_finds_what_it_is_for",
    "test_a_stop_does_not_wait_for_those_who_watch_the_health",
}
STANDARDS = ("6749", "7009", "7636", "8252", "8414", "9207", "9700")


def named() -> set[str]:
    return {test for entry in CHECKLIST.values() if not isinstance(entry, str) for test in entry}


def test_every_test_that_is_named_is_there() -> None:
    known = {path: functions_in(path) for path in {name.split("::")[0] for name in named()}}
    assert [name for name in named() if name.split("::")[1] not in known[name.split("::")[0]]] == []


def test_every_entry_is_shown_or_reasoned_away() -> None:
    for section, entry in CHECKLIST.items():
        if isinstance(entry, str):
            assert entry.startswith(DOES_NOT_APPLY), section
            assert len(entry) > len(DOES_NOT_APPLY) + 20, section
        else:
            assert entry, section
    assert {number for number in STANDARDS if not any(f"RFC {number} §" in key for key in CHECKLIST)} == set()


def test_every_attack_names_its_section() -> None:
    listed = {name.split("::")[1] for name in named()} | BESIDE
    for path in (*HERE.glob("test_code*.py"), HERE / "test_tokens.py", HERE / "test_sign_in.py"):
        for name in functions_in(str(path.relative_to(ROOT))):
            if name.startswith("test_") and name not in listed:
                assert re.match(r"test_(rfc\d+(bis)?_\d|owasp_)", name), name
