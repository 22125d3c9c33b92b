"""The matrix has no empty cell, and every test that it names is there."""

import ast
from pathlib import Path

import pytest

from tests.faults.matrix import CANNOT, FAULTS, MATRIX, STEPS
from tests.faults.test_interrupted import SWEEP

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def functions_in(path: str) -> set[str]:
    """Names of the test functions of a file."""
    tree = ast.parse((ROOT / path).read_text())
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_cell_is_filled() -> None:
    faults = sum(len(names) for names in FAULTS.values())
    assert len(MATRIX) == sum(len(steps) for steps in STEPS.values()) * faults
    assert [key for key, cell in MATRIX.items() if not cell] == []
    reasons = [cell.removeprefix(CANNOT) for cell in MATRIX.values() if cell.startswith(CANNOT)]
    assert [reason for reason in reasons if len(reason) < 15] == []


def test_every_test_that_is_named_is_there() -> None:
    named = {cell for cell in MATRIX.values() if not cell.startswith(CANNOT)}
    assert len(named) >= 15
    known = {path: functions_in(path) for path in {name.split("::")[0] for name in named}}
    assert [name for name in named if name.split("::")[1] not in known[name.split("::")[0]]] == []


def test_every_interruption_that_is_named_is_one_of_the_sweep() -> None:
    signals = {"kill -9": "SIGKILL", "suspend and resume": "SIGSTOP"}
    named = [(m, s, signals.get(f, f)) for (m, s, f), cell in MATRIX.items() if "test_interrupted" in cell]
    assert len(named) > 60
    assert [one for one in named if one not in SWEEP] == []


def test_no_fault_is_reasoned_away_everywhere() -> None:
    """Each fault has a test at one step at least."""
    for faults in FAULTS.values():
        for fault in faults:
            cells = [cell for (_, _, name), cell in MATRIX.items() if name == fault]
            assert any(not cell.startswith(CANNOT) for cell in cells), fault
