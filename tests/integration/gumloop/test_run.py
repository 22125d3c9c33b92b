"""`loopin run`: the credential in the child's environment and nowhere else.

Where the output is masked, Loopin waits for the child, and can do so in this process (`run`). Without
masking the child takes the place of the process, so that one has to be a child of ours.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli import PATIENCE, Loopin, Result
from tests.support.gumloop_stub import API_KEY, USER_ID, Gumloop
from tests.support.server import ROOT

pytestmark = pytest.mark.slow

KEY_ENV = {"GUMLOOP_API_KEY": API_KEY, "GUMLOOP_USER_ID": USER_ID}
GUMLOOP = ("--provider", "gumloop")
PROCESS = ("run", *GUMLOOP)


Run = Callable[..., Result]


def _printing(expression: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-c", f"import os, sys; {expression}")


@pytest.fixture
def run(command: Loopin, capfd: pytest.CaptureFixture[str]) -> Run:
    """`loopin run` in this process, with masking; what the child prints comes in at our file descriptors."""

    def in_this_process(*arguments: str, **environment: str) -> Result:
        assert "--no-masking" not in arguments, "the child would take the place of this process"
        done = command("run", *arguments, **environment)
        said = capfd.readouterr()
        return Result(done.code, done.out + said.out, done.err + said.err)

    return in_this_process


def test_the_child_gets_the_whole_credential_and_nothing_of_another(
    run: Run, gumloop: Gumloop, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    found = "{k: v for k, v in os.environ.items() if k.startswith('GUMLOOP_')}"
    # A file is not masked.
    write = _printing(f"open({str(seen)!r}, 'w').write(__import__('json').dumps({found}))")
    run(*GUMLOOP, *write, GUMLOOP_TEAM_ID="team_1", **KEY_ENV).works()
    assert json.loads(seen.read_text()) == {
        "GUMLOOP_API_KEY": API_KEY,
        "GUMLOOP_BASE_URL": gumloop.base_url,
        "GUMLOOP_TEAM_ID": "team_1",
        "GUMLOOP_USER_ID": USER_ID,
    }
    token = {"GUMLOOP_ACCESS_TOKEN": "not-a-real-token-at-all"}
    run(*GUMLOOP, *write, **KEY_ENV, **token).works()
    assert json.loads(seen.read_text()) == {"GUMLOOP_BASE_URL": gumloop.base_url, **token}


def test_without_a_provider_whoever_is_signed_in_is_handed_over(run: Run) -> None:
    show = _printing("print(sorted(k for k in os.environ if k.startswith(('GUMLOOP_', 'CHAINLOOP_'))))")
    token = {"CHAINLOOP_TOKEN": "not-a-real-chainloop-token"}
    assert "'CHAINLOOP_CONTROL_PLANE_API', 'CHAINLOOP_TOKEN'" in run(*show, **token).works().out
    done = run(*show, **token, **KEY_ENV).works()
    assert "CHAINLOOP_TOKEN" in done.out
    assert "GUMLOOP_API_KEY" in done.out
    run(*GUMLOOP, *show, **token).fails(125)


@pytest.mark.usefixtures("secret_service")
def test_a_stored_profile_reaches_the_child(command: Loopin, run: Run) -> None:
    login = ("gumloop", "login", "--profile", "work", "--user-id", USER_ID, "--api-key", "-")
    command(*login, stdin=API_KEY).works()
    show = _printing("print(os.environ['GUMLOOP_USER_ID'], os.environ['GUMLOOP_API_KEY'], sys.argv)")
    done = run("--profile", "work", *show).works()
    assert done.out.startswith(f"{USER_ID} *** ")
    assert API_KEY not in done.out


def test_piped_output_is_masked_also_across_writes(command: Loopin, run: Run) -> None:
    halves = (
        "k = os.environ['GUMLOOP_API_KEY']; sys.stdout.write('a ' + k[:9]); sys.stdout.flush(); "
        "sys.stdout.write(k[9:] + ' b'); sys.stderr.write('err ' + k)"
    )
    done = run(*GUMLOOP, *_printing(halves), **KEY_ENV).works()
    assert (done.out, done.err) == ("a *** b", "err ***")
    done = command.process(*PROCESS, "--no-masking", *_printing(halves), **KEY_ENV).works()
    assert (done.out, done.err) == (f"a {API_KEY} b", f"err {API_KEY}")


def test_the_command_line_shows_no_secret(command: Loopin) -> None:
    show = "print(open(f'/proc/{os.getppid()}/cmdline').read(), open('/proc/self/cmdline').read())"
    done = command.process(*PROCESS, "--no-masking", *_printing(show), **KEY_ENV).works()
    assert API_KEY not in done.out


CHILDREN = [
    (("sh", "-c", "exit 7"), 7),
    (("true",), 0),
    (("sh", "-c", "kill -TERM $$"), 128 + signal.SIGTERM),
    (("no-such-command-anywhere",), 127),
    (("/etc/passwd",), 126),
]


@pytest.mark.parametrize(("child", "code"), CHILDREN)
def test_the_exit_status_is_the_childs(run: Run, child: tuple[str, ...], code: int) -> None:
    assert run(*GUMLOOP, "--", *child, **KEY_ENV).code == code


@pytest.mark.parametrize(("child", "code"), CHILDREN)
def test_without_masking_the_exit_status_is_the_childs(
    command: Loopin, child: tuple[str, ...], code: int
) -> None:
    done = command.process(*PROCESS, "--no-masking", "--", *child, **KEY_ENV)
    # The child is what is left of Loopin, and a signal is a signal.
    assert done.code == (128 - code if code > 128 else code)


def test_loopins_own_failures_are_125(run: Run) -> None:
    run(*GUMLOOP, "--", "true").fails(125, "keychain")
    run("--", "true", GUMLOOP_BASE_URL="nonsense").fails(125, "not a base URL")


def test_without_a_command_it_is_a_usage_error(run: Run) -> None:
    run(**KEY_ENV).fails(2)


def test_options_of_the_child_are_the_childs(run: Run) -> None:
    assert run("--", "echo", "--json", "--help", **KEY_ENV).works().out == "--json --help\n"
    assert run("echo", "--provider", **KEY_ENV).works().out == "--provider\n"


def test_no_color_reaches_the_child(run: Run) -> None:
    done = run(*GUMLOOP, *_printing("print(os.environ.get('NO_COLOR'))"), NO_COLOR="1", **KEY_ENV)
    assert done.works().out == "1\n"


def test_the_childs_input_is_ours(command: Loopin) -> None:
    assert command.process(*PROCESS, "--", "cat", stdin="hello", **KEY_ENV).works().out == "hello"


@pytest.mark.parametrize("masking", [(), ("--no-masking",)])
def test_what_python_ignores_is_not_ignored_in_the_child(command: Loopin, masking: tuple[str, ...]) -> None:
    """Also where it takes the place of the process, as at a terminal: `yes | head -1` has to end there."""
    status = ("--", "grep", "SigIgn", "/proc/self/status")
    ignored = command.process(*PROCESS, *masking, *status, **KEY_ENV).works().out.split()[1]
    numbers = (signal.SIGPIPE, signal.SIGXFSZ)
    assert [number.name for number in numbers if int(ignored, 16) & 1 << number - 1] == []


SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


@pytest.mark.parametrize("masking", [(), ("--no-masking",)])
def test_signals_reach_the_child(command: Loopin, masking: tuple[str, ...]) -> None:
    # Blocked and waited for: one that arrives just before signal.pause() would not end the pause.
    trap = (
        "import signal, sys\n"
        f"numbers = {[int(number) for number in (*SIGNALS, signal.SIGUSR2)]}\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, numbers)\n"
        "print('ready', flush=True)\n"
        "while (number := signal.sigwait(numbers)) != signal.SIGUSR2:\n"
        "    print('got', int(number), flush=True)\n"
        "sys.exit(9)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "app", *PROCESS, *masking, "--", sys.executable, "-c", trap],
        cwd=ROOT,
        env=command.variables(**KEY_ENV),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        # A signal that is lost ends the test, not the patience of whoever runs it.
        watch = threading.Timer(PATIENCE, running.kill)
        watch.start()
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        for number in SIGNALS * 25:
            running.send_signal(number)
            assert running.stdout.readline() == f"got {int(number)}\n"
        running.send_signal(signal.SIGUSR2)
        assert running.stdout.read() == ""
        assert running.wait(PATIENCE) == 9
        watch.cancel()


def test_both_streams_in_one_file_keep_their_order(command: Loopin, tmp_path: Path) -> None:
    mixed = "[os.write(1 + i % 2, b'%d ' % i) for i in range(200)]"
    target = tmp_path / "output"
    with target.open("w") as output:
        subprocess.run(
            [sys.executable, "-m", "app", *PROCESS, *_printing(mixed)],
            cwd=ROOT,
            env=command.variables(**KEY_ENV),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=PATIENCE,
            check=True,
        )
    assert target.read_text().split() == [str(i) for i in range(200)]


def test_a_reader_that_goes_away_ends_the_child(command: Loopin) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "app", *PROCESS, "--", "yes"],
        cwd=ROOT,
        env=command.variables(**KEY_ENV),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:
        assert running.stdout is not None
        assert os.read(running.stdout.fileno(), 2) == b"y\n"
        running.stdout.close()
        assert running.wait(PATIENCE) != 0


@pytest.mark.parametrize("providers", [(), ("--provider", "chainloop")])
def test_a_login_that_is_over_is_told_and_nothing_is_started(
    command: Loopin, gumloop: Gumloop, tmp_path: Path, providers: tuple[str, ...]
) -> None:
    """Not even with the credential of the other provider: who has both means both."""
    claims = {"aud": ["user-auth.chainloop"], "user_id": "not-a-real-id", "exp": 1_000_000_000}
    token = ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=")
        for part in (b'{"alg":"HS256"}', json.dumps(claims).encode(), b"no signature")
    )
    started = tmp_path / "started"
    write = _printing(f"open({str(started)!r}, 'w')")
    result = command("run", *providers, *write, CHAINLOOP_TOKEN=token, **KEY_ENV)
    result.fails(125, "CHAINLOOP_TOKEN has expired", "set CHAINLOOP_TOKEN to another one, or unset it")
    assert not started.exists()
