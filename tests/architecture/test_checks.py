"""What a machine can say about the code: types, style, and that the documents tell the truth."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ["mypy"],
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["bandit", "--quiet", "--recursive", "app", "widgets", "--configfile", "pyproject.toml"],
    ],
    ids=["types", "style", "format", "security"],
)
def test_code_is_clean(command: list[str]) -> None:
    """mypy is strict, on the tests too; bandit looks for the usual holes in what is shipped."""
    run = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


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


def test_paths_in_the_architecture_exist() -> None:
    """`app/…` and `tests/…` in docs/architecture.md are real."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(r"`((?:app|widgets|tests|docs|scripts)/[\w/.-]+)`", text)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_has_one_line_for_each_of_its_two_commands() -> None:
    """CI runs the test command word for word."""
    text = (ROOT / "README.md").read_text()
    for name in ("demo", "test"):
        block = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.S)
        assert block is not None
        lines = [line for line in block.group(1).splitlines() if line.strip()]
        assert len(lines) == 1
        assert lines[0].startswith("    python3 -m venv .venv && ")
