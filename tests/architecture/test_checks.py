"""That scripts/check runs what CI runs, and that the documents tell the truth."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import check, lint_clock, size
from tests.support.scenes import SCENES

ROOT = Path(__file__).resolve().parents[2]
CLOCK_IMPORTS = (
    "import time, datetime as dt, pytest\nfrom datetime import UTC, date, datetime\n"
    "from time import time as clock\nimport helper\nfrom helper import soon\n\n"
    "def later():\n    return soon()\n"
)
CLOCK_READS = (
    "NOW = datetime.now(UTC)",
    "TABLE = {'a': [int(time.time()) - 300]}",
    "NOW = clock()",
    "TODAY = dt.date.today()",
    "END = helper.soon()",
    "END = later()",
    "class A:\n    born = time.monotonic()",
    "def f(at=soon()):\n    pass",
    "@pytest.mark.parametrize('exp', [soon()])\ndef test(exp):\n    pass",
)
LATER_READS = (
    "def test():\n    assert time.time()",
    "TABLE = {'a': lambda: time.time()}",
    "class A:\n    def now(self):\n        return soon()",
    "if __name__ == '__main__':\n    soon()",
    "FIXED = datetime(2026, 3, 14, tzinfo=UTC)",
)


def test_check_runs_the_static_checks_and_the_readmes_tests() -> None:
    """What passes there passes in CI, which runs the same two."""
    assert check.steps(static=True) == list(check.STATIC)
    assert check.steps() == [*check.STATIC, check.ALL_TESTS]
    assert check.steps(fast=True) == [*check.STATIC, check.FAST_TESTS]
    assert f"{' '.join(('python', *check.PYTEST))}\n" in (ROOT / "README.md").read_text()
    assert "scripts/check --static" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("line", CLOCK_READS)
def test_a_clock_read_at_import_is_found(tmp_path: Path, line: str) -> None:
    """Also in a decorator, a default argument, and through functions of other modules."""
    (tmp_path / "helper.py").write_text("import time\n\ndef soon():\n    return time.time() + 9\n")
    module = tmp_path / "module.py"
    module.write_text(f"{CLOCK_IMPORTS}\n{line}\n")
    found = lint_clock.clock_reads([tmp_path / "helper.py", module], tmp_path)
    assert len(found) == 1, found
    assert "module.py" in found[0]


@pytest.mark.parametrize("line", LATER_READS)
def test_a_clock_read_that_happens_later_is_allowed(tmp_path: Path, line: str) -> None:
    (tmp_path / "helper.py").write_text("import time\n\ndef soon():\n    return time.time() + 9\n")
    module = tmp_path / "module.py"
    module.write_text(f"{CLOCK_IMPORTS}\n{line}\n")
    assert lint_clock.clock_reads([tmp_path / "helper.py", module], tmp_path) == []


def test_what_was_left_out_is_told_by_its_reason() -> None:
    said = (
        "...s.s\n"
        "SKIPPED [2] tests/support/require.py:22: tmux is not installed\n"
        "SKIPPED [1] tests/faults/test_machine.py:229: nothing can be mounted here\n"
        "SKIPPED [1] tests/support/require.py:22: tmux is not installed\n"
        "3 passed, 4 skipped in 1.00s\n"
    )
    assert check.skipped(said) == {"tmux is not installed": 3, "nothing can be mounted here": 1}


def test_check_stops_at_the_first_failure(capfd: pytest.CaptureFixture[str]) -> None:
    """It says what failed, what that printed, and how to run it again."""
    good = check.Step("good", (sys.executable, "-c", ""))
    bad = check.Step("bad", (sys.executable, "-c", "raise SystemExit('no!')"))
    assert check.run([good])
    assert not check.run([good, bad, check.Step("never", bad.command)])
    said = capfd.readouterr().out
    assert re.search(r"✓ good +\d+\.\d s\n✗ bad +\d+\.\d s\nno!\n\nagain: ", said)
    assert "never" not in said


def test_a_test_run_takes_its_home_away() -> None:
    """The temporary HOME of a run goes when the run ends."""
    program = "from tests.support.scrub import HOME; print(HOME)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    home = Path(run.stdout.strip())
    assert home.name.startswith("loopin-test-home-")
    assert not home.exists()


def documents() -> list[Path]:
    """README, changelog and everything in docs."""
    return [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def test_links_in_the_documents_lead_somewhere() -> None:
    """A relative link names a file of the repository."""
    dead = [
        f"{page.name}: {target}"
        for page in documents()
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert dead == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_paths_in_the_tour_of_the_code_exist(page: str) -> None:
    """`app/…`, `tests/…` and the like are real."""
    named = re.findall(r"\b((?:app|widgets|tests|docs|scripts)/[\w/.-]*\w)", (ROOT / page).read_text())
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_newcomers_first_change_can_be_made() -> None:
    """The title is where CONTRIBUTING says, and the scene has the name that it says."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.search(r"In `(app/tui/screens/\w+/\w+\.py)`, change `(TITLE = [^`]+)`", text)
    drawn = re.search(r"scripts/screenshots\.py (\w+)$", text, re.M)
    assert found is not None
    assert drawn is not None
    assert found[2] in (ROOT / found[1]).read_text()
    assert drawn[1] in SCENES


def test_the_readme_has_one_line_for_each_of_its_two_commands() -> None:
    """CI runs the test command word for word."""
    text = (ROOT / "README.md").read_text()
    for name in ("demo", "test"):
        block = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.S)
        assert block is not None
        lines = [line for line in block.group(1).splitlines() if line.strip()]
        assert len(lines) == 1
        assert lines[0].startswith("    python3 -m venv .venv && ")


SIZED = {
    "app/__init__.py": "",
    "app/once.py": "import textual\n\nclass Once(textual.App):\n    def do(self):\n        return 1\n",
    "app/named.py": "class Named:\n    _own = 1\n",
    "app/user.py": (
        "from textual.app import App\nfrom app import once\nTARGET = 'app.named:Named'\n\n"
        "class Mine(App):\n    def _on_exit_app(self):\n        from app.named import Named\n"
        "        return self.query_one('x')._theirs + Named._own\n"
    ),
    "app/other.py": "import app.named\n",
    "app/made_pb2.py": "x = 1\n",
    "widgets/__init__.py": "",
}


def test_the_size_is_what_it_says(tmp_path: Path) -> None:
    for name, text in SIZED.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    modules = size.read_modules(tmp_path)
    assert size.imported_once(modules) == ["app.once"]
    assert size.private_names(modules) == ["app.user: _on_exit_app", "app.user: _theirs"]
    assert size.measure(modules) == {
        "lines": sum(text.count("\n") for name, text in SIZED.items() if "_pb2" not in name),
        "lines of app/server": 0,
        "modules": 4,
        "modules imported from one place": 1,
        "private names of dependencies": 2,
        "imports inside functions": 1,
        "methods called do": 1,
        "calls of query_one": 1,
    }
    assert size.TARGETS.keys() == size.measure(modules).keys()
