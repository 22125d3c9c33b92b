"""Commands that run inside the process of the tests leave it as it was."""

import asyncio
import gc
import logging
import os
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keyring.core
import pytest

from app.bootstrap import Container
from app.cli import exit_codes
from app.cli.runtime import real_container
from app.settings import Settings
from tests.support.cli import Loopin, Result, in_process


def state() -> dict[str, Any]:
    """What is the same for the whole process."""
    umask = os.umask(0o077)
    os.umask(umask)
    loggers = [logging.getLogger(name) for name in ("", "asyncio", "grpc", "httpcore", "hpack", "loopin")]
    return {
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "umask": umask,
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "keyring": keyring.core._keyring_backend,
        "temporary files": tempfile.tempdir,
        "logging": [(one.level, one.disabled, list(one.handlers)) for one in loggers],
        "logging.raiseExceptions": logging.raiseExceptions,
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "garbage collector": (gc.isenabled(), gc.get_threshold()),
        "warnings": list(warnings.filters),
    }


def disturbed(settings: Settings) -> Container:
    """A container, made by somebody who changes everything that there is to change."""
    os.environ["LEFT"] = "behind"
    os.chdir("/")
    os.umask(0o012)
    tempfile.tempdir = "/nowhere"
    keyring.core.init_backend()
    for name in ("", "hpack"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
        logging.getLogger(name).addHandler(logging.NullHandler())
    signal.signal(signal.SIGUSR1, lambda *_: None)
    gc.set_threshold(50_000)
    gc.disable()
    warnings.simplefilter("ignore")
    sys.stdout.write("printed\n")
    sys.stderr.write("an error\n")
    return real_container(settings)


def run(folder: Path, *arguments: str, **options: Any) -> Result:
    places = {"LOOPIN_CONFIG_DIR": str(folder / "config"), "LOOPIN_STATE_DIR": str(folder / "state")}
    return in_process(arguments, {**os.environ, **places}, **options)


@pytest.mark.parametrize("arguments", [("status",), ("status", "--debug"), ("status", "--nonsense"), ()])
def test_everything_is_put_back(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    before = state()
    done = run(tmp_path, *arguments, containers=disturbed)
    assert state() == before
    assert done.code in {exit_codes.SIGNED_OUT, exit_codes.USAGE}
    if "--nonsense" not in arguments and arguments:
        assert done.out.startswith("printed\n")
        assert done.err.startswith("an error\n")


def test_everything_is_put_back_after_an_error(tmp_path: Path) -> None:
    def broken(settings: Settings) -> Container:
        disturbed(settings)
        raise SystemExit

    before = state()
    with pytest.raises(SystemExit):
        run(tmp_path, "status", containers=broken)
    assert state() == before


def test_a_command_sees_its_own_environment_and_folder(tmp_path: Path) -> None:
    seen: list[object] = []

    def looked(settings: Settings) -> Container:
        seen.extend([dict(os.environ), Path.cwd(), sys.stdin.read(), sys.stdout.isatty()])
        return real_container(settings)

    environment = {
        "LOOPIN_STATE_DIR": str(tmp_path),
        "LOOPIN_CONFIG_DIR": str(tmp_path),
        "ONLY": "this",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    in_process(["status"], environment, cwd=tmp_path, stdin="typed", containers=looked)
    assert seen == [environment, tmp_path, "typed", False]


async def test_a_command_can_be_run_while_an_event_loop_runs(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    assert run(tmp_path, "status", "--offline").code == exit_codes.SIGNED_OUT
    assert asyncio.get_running_loop() is loop


def test_no_program_takes_the_place_of_this_process(loopin: Loopin) -> None:
    token = {"GUMLOOP_ACCESS_TOKEN": "not-a-real-token"}
    with pytest.raises(pytest.fail.Exception, match=r"use Loopin\.process"):
        loopin("run", "--no-masking", "--", "true", **token)
    missing = loopin("run", "--no-masking", "--", "/no/such/program", **token)
    missing.fails(127, "there is no such command")
    assert loopin.process("run", "--no-masking", "--", "echo", "hi", **token).works().out == "hi\n"


def test_what_a_child_prints_comes_in_at_the_descriptors(
    loopin: Loopin, capfd: pytest.CaptureFixture[str]
) -> None:
    token = "not-a-real-token"
    done = loopin("run", "--", "echo", "hi", token, GUMLOOP_ACCESS_TOKEN=token)
    assert (done.works().out, capfd.readouterr().out) == ("", "hi ***\n")


@pytest.mark.parametrize(
    "arguments", [("status", "--offline"), ("--version",), ("nonsense",), ("activity",), ()]
)
def test_it_says_what_the_program_says(loopin: Loopin, arguments: tuple[str, ...]) -> None:
    assert loopin(*arguments) == loopin.process(*arguments)
