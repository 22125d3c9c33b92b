"""The folder of a demo: what a killed one left goes, what a living one has stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.demo.sample_folder import OWNED, clear_up, sample_folder

HOLD = """
import sys
from pathlib import Path
from app.demo.sample_folder import sample_folder
with sample_folder() as folder:
    (folder / "server").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def other() -> "tuple[subprocess.Popen[str], Path]":
    """Another process with a folder of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def end(process: "subprocess.Popen[str]") -> None:
    """Kill it, so that nothing of it tidies up."""
    process.kill()
    process.communicate()


def test_a_folder_goes_with_its_demo(place: Path) -> None:
    with sample_folder() as folder:
        (folder / "file").write_text("x")
    assert list(place.iterdir()) == []


def test_what_a_killed_demo_left_goes_at_the_next_start(place: Path) -> None:
    process, folder = other()
    try:
        with sample_folder():
            assert (folder / "server").is_dir(), "its owner lives"
    finally:
        end(process)
    assert folder.is_dir()
    with sample_folder("loopin-tour-"):
        assert not folder.exists()


def test_nothing_else_is_touched(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / OWNED).touch()
    (place / "loopin-demo-link").symlink_to(elsewhere)
    (place / "loopin-demo-file").touch()
    (place / "loopin-demo-new").mkdir()
    (place / "another").mkdir()
    (place / "another" / OWNED).touch()
    clear_up(place)
    assert len(list(place.iterdir())) == 4
    assert (elsewhere / OWNED).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_somebody_elses_folder_stays(place: Path) -> None:
    folder = place / "loopin-demo-theirs"
    folder.mkdir()
    (folder / OWNED).touch()
    os.chown(folder, 12345, 12345)
    clear_up(place)
    assert folder.is_dir()
