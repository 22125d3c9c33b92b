"""Shell completion, asked as a shell asks."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import Loopin
from tests.support.require import tool
from tests.support.server import ROOT


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_program_and_the_variable(loopin: Loopin, shell: str) -> None:
    script = loopin("completion", shell).works().out
    assert "_LOOPIN_COMPLETE" in script
    assert "loopin" in script


def test_bash_completes_commands_options_and_values(tmp_path: Path, loopin: Loopin) -> None:
    bash = tool("bash")
    program = tmp_path / "loopin"
    words = f"cd {shlex.quote(str(ROOT))} && exec {shlex.quote(sys.executable)} -m app"
    program.write_text(f'#!/bin/sh\n{words} "$@"\n')
    program.chmod(0o755)
    (tmp_path / "script").write_text(loopin("completion", "bash").works().out)

    def complete(line: str) -> list[str]:
        words = line.split(" ")
        asked = (
            f"source {shlex.quote(str(tmp_path / 'script'))} 2>/dev/null\n"
            f"COMP_WORDS=({' '.join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}\n"
            "_loopin_completion loopin; printf '%s\\n' \"${COMPREPLY[@]}\"\n"
        )
        environment = {**loopin.variables(), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        run = subprocess.run(
            [bash, "--norc", "-c", asked], env=environment, capture_output=True, text=True, check=True
        )
        return run.stdout.split()

    assert complete("loopin chain") == ["chainloop"]
    assert "--filter" in complete("loopin chainloop organization api-token list --f")
    assert complete("loopin chainloop organization api-token list --status r") == ["revoked"]
