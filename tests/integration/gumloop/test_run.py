"""`loopin run`: the credential in the child's environment and nowhere else."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import Loopin
from tests.support.gumloop_stub import API_KEY, USER_ID, Gumloop
from tests.support.server import ROOT

KEY_ENV = {"GUMLOOP_API_KEY": API_KEY, "GUMLOOP_USER_ID": USER_ID}
RUN = ("run", "--provider", "gumloop")


def _printing(expression: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-c", f"import os, sys; {expression}")


def test_the_child_gets_the_whole_credential_and_nothing_of_another(
    command: Loopin, gumloop: Gumloop
) -> None:
    show = "print(sorted((k, v) for k, v in os.environ.items() if k.startswith('GUMLOOP_')))"
    done = command(*RUN, "--no-masking", *_printing(show), GUMLOOP_TEAM_ID="team_1", **KEY_ENV).works()
    assert done.out.strip() == str(
        [
            ("GUMLOOP_API_KEY", API_KEY),
            ("GUMLOOP_BASE_URL", gumloop.base_url),
            ("GUMLOOP_TEAM_ID", "team_1"),
            ("GUMLOOP_USER_ID", USER_ID),
        ]
    )
    token = {"GUMLOOP_ACCESS_TOKEN": "not-a-real-token-at-all"}
    done = command(*RUN, "--no-masking", *_printing(show), **KEY_ENV, **token).works()
    assert "GUMLOOP_API_KEY" not in done.out
    assert "GUMLOOP_USER_ID" not in done.out


def test_without_a_provider_whoever_is_signed_in_is_handed_over(command: Loopin) -> None:
    show = _printing("print(sorted(k for k in os.environ if k.startswith(('GUMLOOP_', 'CHAINLOOP_'))))")
    done = command("run", *show, CHAINLOOP_TOKEN="not-a-real-chainloop-token").works()
    assert "'CHAINLOOP_CONTROL_PLANE_API', 'CHAINLOOP_TOKEN'" in done.out
    done = command("run", *show, CHAINLOOP_TOKEN="not-a-real-chainloop-token", **KEY_ENV).works()
    assert "CHAINLOOP_TOKEN" in done.out
    assert "GUMLOOP_API_KEY" in done.out
    command("run", "--provider", "gumloop", *show, CHAINLOOP_TOKEN="not-a-real-chainloop-token").fails(125)


@pytest.mark.usefixtures("secret_service")
def test_a_stored_profile_reaches_the_child(command: Loopin) -> None:
    login = ("gumloop", "login", "--profile", "work", "--user-id", USER_ID, "--api-key", "-")
    command(*login, stdin=API_KEY).works()
    show = _printing("print(os.environ['GUMLOOP_USER_ID'], sys.argv)")
    done = command("run", "--profile", "work", *show).works()
    assert done.out.startswith(USER_ID)
    assert API_KEY not in done.out


def test_piped_output_is_masked_also_across_writes(command: Loopin) -> None:
    halves = (
        "k = os.environ['GUMLOOP_API_KEY']; sys.stdout.write('a ' + k[:9]); sys.stdout.flush(); "
        "sys.stdout.write(k[9:] + ' b'); sys.stderr.write('err ' + k)"
    )
    done = command(*RUN, *_printing(halves), **KEY_ENV).works()
    assert (done.out, done.err) == ("a *** b", "err ***")
    done = command(*RUN, "--no-masking", *_printing(halves), **KEY_ENV).works()
    assert (done.out, done.err) == (f"a {API_KEY} b", f"err {API_KEY}")


def test_the_command_line_shows_no_secret(command: Loopin) -> None:
    show = "print(open(f'/proc/{os.getppid()}/cmdline').read(), open('/proc/self/cmdline').read())"
    done = command(*RUN, "--no-masking", *_printing(show), **KEY_ENV).works()
    assert API_KEY not in done.out


@pytest.mark.parametrize("masking", [(), ("--no-masking",)])
@pytest.mark.parametrize(
    ("child", "code"),
    [
        (("sh", "-c", "exit 7"), 7),
        (("true",), 0),
        (("sh", "-c", "kill -TERM $$"), 128 + signal.SIGTERM),
        (("no-such-command-anywhere",), 127),
        (("/etc/passwd",), 126),
    ],
)
def test_the_exit_status_is_the_childs(
    command: Loopin, masking: tuple[str, ...], child: tuple[str, ...], code: int
) -> None:
    done = command(*RUN, *masking, "--", *child, **KEY_ENV)
    # Without masking the child is what is left of Loopin, and a signal is a signal.
    assert done.code in {code, 128 - code if code > 128 else code}


def test_loopins_own_failures_are_125(command: Loopin) -> None:
    command("run", "--provider", "gumloop", "--", "true").fails(125, "keychain")
    command("run", "--", "true", GUMLOOP_BASE_URL="nonsense").fails(125, "not a base URL")


def test_without_a_command_it_is_a_usage_error(command: Loopin) -> None:
    command("run", **KEY_ENV).fails(2)


def test_options_of_the_child_are_the_childs(command: Loopin) -> None:
    assert command("run", "--", "echo", "--json", "--help", **KEY_ENV).works().out == "--json --help\n"
    assert command("run", "echo", "--provider", **KEY_ENV).works().out == "--provider\n"


def test_no_color_reaches_the_child(command: Loopin) -> None:
    done = command(*RUN, *_printing("print(os.environ.get('NO_COLOR'))"), NO_COLOR="1", **KEY_ENV)
    assert done.works().out == "1\n"


def test_the_childs_input_is_ours(command: Loopin) -> None:
    assert command(*RUN, "--", "cat", stdin="hello", **KEY_ENV).works().out == "hello"


@pytest.mark.parametrize("masking", [(), ("--no-masking",)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_child(command: Loopin, masking: tuple[str, ...], number: signal.Signals) -> None:
    trap = (
        "import os, signal, sys\n"
        f"signal.signal({int(number)}, lambda *_: (print('got it', flush=True), os._exit(9)))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "app", *RUN, *masking, "--", sys.executable, "-c", trap],
        cwd=ROOT,
        env=command.variables(**KEY_ENV),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(number)
        assert running.stdout.read() == "got it\n"
        assert running.wait(30) == 9


def test_both_streams_in_one_file_keep_their_order(command: Loopin, tmp_path: Path) -> None:
    mixed = "[os.write(1 + i % 2, b'%d ' % i) for i in range(200)]"
    target = tmp_path / "output"
    with target.open("w") as output:
        subprocess.run(
            [sys.executable, "-m", "app", *RUN, *_printing(mixed)],
            cwd=ROOT,
            env=command.variables(**KEY_ENV),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=60,
            check=True,
        )
    assert target.read_text().split() == [str(i) for i in range(200)]


def test_a_reader_that_goes_away_ends_the_child(command: Loopin) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "app", *RUN, "--", "yes"],
        cwd=ROOT,
        env=command.variables(**KEY_ENV),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:
        assert running.stdout is not None
        assert os.read(running.stdout.fileno(), 2) == b"y\n"
        running.stdout.close()
        assert running.wait(30) != 0
