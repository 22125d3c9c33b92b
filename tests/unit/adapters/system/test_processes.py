"""Whether another process runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.adapters.system.processes import is_running


def test_one_that_runs_does_and_one_that_is_over_does_not() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert is_running(child.pid)
        child.kill()
    assert not is_running(child.pid)
    assert not is_running(0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells a zombie")
def test_one_that_ended_and_that_nobody_asked_about_does_not() -> None:
    """As after a closed window, in a container whose first process is in no hurry."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not is_running(child.pid)
