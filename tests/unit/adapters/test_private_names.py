"""Private names of libraries that the adapters rely on: each test fails when the library renames one."""

import importlib.util
import subprocess
import sys


def test_httpx_still_has_a_command_line_to_leave_out() -> None:
    assert importlib.util.find_spec("httpx")
    program = (
        "import click, sys, app.adapters\n"
        "import httpx\n"
        "assert sys.modules['httpx._main'] is None\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'rich', 'pygments'})\n"
        "del sys.modules['httpx._main']\n"
        "import httpx._main\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "set()"
