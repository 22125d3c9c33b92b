"""What is shipped: the wheel and the source distribution, installed outside the checkout."""

import os
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from app import __version__
from tests.support.terminal import Terminal

# Both environments are made once, on one worker.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("package")]
ROOT = Path(__file__).resolve().parents[2]
PIP = ("-m", "pip", "-q", "--disable-pip-version-check")


def run(*command: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run it in `cwd` and return what it said."""
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=outside())


def outside() -> dict[str, str]:
    """The environment of somebody whose Python does not know the checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture(autouse=True)
def no_python_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell in the terminal does not know the checkout either."""
    monkeypatch.delenv("PYTHONPATH", raising=False)


@dataclass(frozen=True)
class Built:
    """Both files, in a folder of their own."""

    wheel: Path
    source: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built as a release is."""
    folder = tmp_path_factory.mktemp("built")
    done = run(sys.executable, "-m", "hatchling", "build", "-d", str(folder), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return Built(next(folder.glob("loopin-*.whl")), next(folder.glob("loopin-*.tar.gz")))


@dataclass(frozen=True)
class Plain:
    """An environment with the plain wheel in it: its programs, and what `loopin` said there."""

    programs: Path
    said: dict[str, "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def plain(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """Nothing else of ours is in the environment. Asked here, before anybody installs more into it."""
    folder = tmp_path_factory.mktemp("environment")
    # pip is not needed inside: ours installs into it.
    venv.create(folder, with_pip=False)
    programs = folder / "bin"
    install(programs, str(built.wheel))
    lines = ("--version", "demo", "server start")
    return Plain(programs, {line: run(str(programs / "loopin"), *line.split(), cwd=folder) for line in lines})


@pytest.fixture(scope="module")
def with_server(built: Built, plain: Plain) -> Path:
    """The programs of the same environment, now with the extra `server`."""
    install(plain.programs, f"{built.wheel}[server]")
    return plain.programs


def install(programs: Path, what: str) -> None:
    """Into the environment whose programs these are, in the versions that the tests know."""
    constraints = str(ROOT / "tests/constraints.txt")
    pip = (*PIP, "--python", str(programs / "python"), "install", "--no-compile", "-c", constraints)
    done = run(sys.executable, *pip, what, cwd=programs)
    assert done.returncode == 0, done.stderr


def contents(wheel: Path) -> dict[str, int]:
    """Checksums by name, without the list of checksums itself."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            file.filename: file.CRC for file in archive.infolist() if not file.filename.endswith("RECORD")
        }


def test_the_wheel_carries_what_is_not_python(built: Built) -> None:
    """Styles, migrations, templates, .proto files, the man page."""
    names = contents(built.wheel)
    for part in (
        "app/tui/screens/tokens/screen.tcss",
        "app/proto/controlplane/v1/api_token.proto",
        "app/py.typed",
    ):
        assert part in names
    assert any(n.startswith("app/server/persistence/versions/") and n.endswith(".py") for n in names)
    assert any(n.startswith("app/server/web/") and n.endswith(".html") for n in names)
    # Where `man` finds it beside the command, and where pipx looks for it.
    assert f"loopin-{__version__}.data/data/share/man/man1/loopin.1" in names
    assert not [n for n in names if not n.startswith(("app/", "widgets/", "loopin-"))]


def test_the_source_distribution_builds_the_very_same_wheel(built: Built, tmp_path: Path) -> None:
    """So that what was tried of the one holds for the other."""
    build = (*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(built.source))
    done = run(sys.executable, *build, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = next(tmp_path.glob("loopin-*.whl"))
    assert contents(again) == contents(built.wheel)


def test_a_plain_install_says_what_the_demo_needs(plain: Plain) -> None:
    """Without the extra `server`: one sentence with the exact command, no traceback."""
    assert plain.said["--version"].stdout.split()[-1] == __version__
    for line in ("demo", "server start"):
        done = plain.said[line]
        assert done.returncode == 2
        assert "loopin[server]" in done.stderr
        assert "Traceback" not in done.stderr


def test_with_the_server_the_demo_opens_from_any_folder(
    with_server: Path, terminal: Terminal, tmp_path: Path
) -> None:
    """In a real terminal, from the installed package and not from the checkout."""
    where = run(str(with_server / "python"), "-c", "import app; print(app.__file__)", cwd=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(with_server.parent)
    terminal.type(f"cd /; {with_server / 'loopin'} demo; echo left=$?")
    terminal.see("DEMO", "Sign in to Chainloop")
    terminal.press("q")
    terminal.see("left=0")
