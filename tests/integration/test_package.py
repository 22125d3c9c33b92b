"""The wheel, installed into a clean environment outside the checkout."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    run = subprocess.run(
        [*pip, "wheel", "--no-deps", "-w", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return next(folder.glob("loopin-*.whl"))


def test_the_wheel_carries_what_is_not_python(wheel: Path) -> None:
    """Styles, migrations, templates, .proto files."""
    names = zipfile.ZipFile(wheel).namelist()
    for part in ("app/screens/tokens.tcss", "app/proto/controlplane/v1/api_token.proto", "app/py.typed"):
        assert part in names
    assert any(n.startswith("app/server/database/versions/") and n.endswith(".py") for n in names)
    assert any(n.startswith("app/server/http/") and n.endswith(".html") for n in names)
    assert not [n for n in names if n.startswith("tests/")]


def test_a_plain_install_says_what_the_demo_needs(wheel: Path, tmp_path: Path) -> None:
    """Without the extra `server`: one sentence with the exact command, no traceback."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "-q",
        "-c",
        str(ROOT / "tests/constraints.txt"),
        str(wheel),
    ]
    made = subprocess.run(install, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    loopin = str(python.with_name("loopin"))
    version = subprocess.run([loopin, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "loopin" in version.stdout
    for command in (["demo"], ["server", "start"]):
        run = subprocess.run([loopin, *command], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert run.returncode == 2
        assert "loopin[server]" in run.stderr
        assert "Traceback" not in run.stderr
