"""The rooms and what may import what, held by import-linter and by looking."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("package", ["domain", "services", "adapters", "server", "oidc", "proto"])
def test_package_never_loads_textual(package: str) -> None:
    """Import every module of the package in a fresh interpreter, and look what came along."""
    program = (
        "import importlib, pkgutil, sys\n"
        f"import app.{package} as package\n"
        f"for found in pkgutil.walk_packages(package.__path__, 'app.{package}.'):\n"
        "    if '.versions' not in found.name and not found.name.endswith('.env'):\n"
        "        importlib.import_module(found.name)\n"
        "found = {n.partition('.')[0] for n in sys.modules}\n"
        "print(sorted(found & {'textual', 'widgets'}))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


HEAVY = {"click", "grpc", "authlib", "keyring", "flask", "sqlalchemy", "httpx", "joserfc", "google"}


@pytest.mark.parametrize(
    "module",
    [
        "app.__main__",
        "app.tui.app",
        "app.bootstrap",
        "app.tui.screens.accounts.screen",
        "app.services.status",
    ],
)
def test_nothing_heavy_is_loaded_at_import(module: str) -> None:
    """What waits for the network or the keychain is imported on first use."""
    program = (
        f"import sys, {module}\n"
        # None stands for a module that is kept out.
        "found = {n.partition('.')[0] for n, m in sys.modules.items() if m}\n"
        f"print(sorted(found & {HEAVY!r}))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


FIRST_FRAME = """
import asyncio, sys
from app.__main__ import main
from textual.app import App

def look(app, screen, frame):
    shown(app, screen, frame)
    # What is drawn in a batch is not shown yet.
    if not app._batch_count:
        found.update(n.partition(".")[0] for n, module in sys.modules.items() if module)
        app.exit(0)

async def headless():
    app = LoopinApp(Container(load()))
    async with app.run_test(size=(120, 36)):
        pass

found, shown, App._display = set(), App._display, look
from app.cli.start import need_terminal
from app.bootstrap import Container
from app.tui.app import LoopinApp
from app.settings import load
asyncio.run(headless())
print(*sorted(found))
"""
NOT_BEFORE = {*HEAVY, "filelock", "humanize", "tomlkit", "alembic", "hypercorn", "jeepney", "secretstorage"}


def test_nothing_heavy_is_loaded_before_the_first_frame(tmp_path: Path) -> None:
    """The real app, without a terminal: what is in memory when the Accounts screen is painted first."""
    folders = {"LOOPIN_CONFIG_DIR": str(tmp_path), "LOOPIN_STATE_DIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FIRST_FRAME],
        cwd=ROOT, env={**os.environ, **folders}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.splitlines()[-1].split())
    assert "textual" in loaded
    assert loaded & NOT_BEFORE == set()


def test_every_screen_has_its_style_and_nests_it() -> None:
    """A Screen's CSS_PATH is not scoped: a rule outside the screen's class would reach every other."""
    styles = sorted((ROOT / "app" / "tui" / "screens").rglob("*.tcss"))
    assert styles
    for style in styles:
        text = style.read_text()
        top = [line for line in text.splitlines() if line and not line[0].isspace() and line[0] not in "}/*$"]
        loose = [line for line in top if not line.split()[0].rstrip("{,").isidentifier()]
        assert loose == [], f"{style.name}: {loose}"
        assert style.with_suffix(".py").is_file(), f"{style.name} has no screen"
