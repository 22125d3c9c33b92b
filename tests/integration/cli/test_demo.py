"""The demo's parts without its screen: the child server, the signed-in container, what is left behind."""

import asyncio
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.bootstrap import Container
from app.demo import sample_server
from app.domain.credentials import Method
from app.domain.errors import Failed, UsageError
from app.domain.tokens import StatusFilter
from tests.support.login_steps import gumloop_key_steps
from tests.support.server import ROOT

pytestmark = pytest.mark.slow


def tokens_of(container: Container, status: StatusFilter) -> int:
    async def count() -> int:
        own = Container(container.settings, vault=container.vault)
        try:
            return len((await own.tokens.list_tokens(status)).tokens)
        finally:
            await own.aclose()

    return asyncio.run(count())


def test_sample_server_serves_sweeps_and_ends(tmp_path: Path) -> None:
    with sample_server.sample_server(tmp_path) as server:
        assert server.email == "ada@acme.example"
        assert server.password
        container = sample_server.sample_container(tmp_path, server)
        asyncio.run(sample_server.sign_in(container, server))
        before = tokens_of(container, StatusFilter.ACTIVE)
        assert before > 15
        assert asyncio.run(server.sweep()) == 4
        assert asyncio.run(server.sweep()) == 0
        assert tokens_of(container, StatusFilter.ACTIVE) == before - 4
        assert container.settings.demo
    with pytest.raises(Failed, match="has ended"):
        asyncio.run(server.sweep())
    assert {path.name for path in tmp_path.iterdir()} <= {"server", "server.log", "config", "state"}


def test_nothing_is_swept_in_the_demo_before_somebody_asks(tmp_path: Path) -> None:
    """The first sweep of a server that sweeps by itself is a minute away; its metrics have the time."""
    with sample_server.sample_server(tmp_path) as server:
        metrics = httpx.get(f"{server.http}/metrics", trust_env=False)
    assert metrics.status_code == 200
    assert re.search(r"^loopin_sweep_next_run_timestamp_seconds 0\.0$", metrics.text, re.M), metrics.text


def test_a_demo_beside_the_persons_own_variables_signs_in_to_the_sample_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For Gumloop with its key; nothing of the variables arrives in the demo."""
    monkeypatch.setenv("CHAINLOOP_TOKEN", "fake-token-of-somebody")
    monkeypatch.setenv("CHAINLOOP_CONTROL_PLANE_API", "127.0.0.1:1")
    monkeypatch.setenv("LOOPIN_STATE_DIR", "/nonexistent")
    with sample_server.sample_server(tmp_path) as server:
        container = sample_server.sample_container(tmp_path, server)
        settings = container.settings
        sample = server.samples[Method.API_KEY]

        async def sign_in() -> str:
            try:
                async for step in gumloop_key_steps(container, sample["key"], sample["user"]):
                    assert step.error is None
                    if step.result is not None:
                        return step.result.endpoint
            finally:
                await container.aclose()
            return ""

        assert asyncio.run(sign_in()) == f"{server.http}/api/v1"
        assert server.samples[Method.API_TOKEN]["token"].count(".") == 2
    assert settings.chainloop.environment is None
    assert settings.chainloop.endpoint is not None
    assert settings.chainloop.endpoint.address == server.grpc
    assert settings.state_dir.is_relative_to(tmp_path)
    assert settings.config_dir.is_relative_to(tmp_path)


HOLDER = """
import sys
from pathlib import Path
from app.demo import sample_server
with sample_server.sample_server(Path(sys.argv[1])) as server:
    print(server._process.pid, flush=True)
    sys.stdin.read()
"""


def test_the_server_ends_when_the_app_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        watch = os.pidfd_open(child)
        holder.kill()
    signalled = select.select([watch], [], [], 20)[0]
    os.close(watch)
    assert signalled, "the sample server outlived the app"


def test_a_server_that_does_not_start_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import sys; print('loopin: no such thing', '  next: go home', sep=chr(10), file=sys.stderr)"
    monkeypatch.setattr(sample_server, "_COMMAND", ("-c", program))
    with pytest.raises(Failed, match="did not start: no such thing"), sample_server.sample_server(tmp_path):
        pass


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_server, "find_spec", lambda name: None if name == "hypercorn" else object())
    with pytest.raises(UsageError) as told:
        sample_server.start("accounts")
    assert "loopin[server]" in told.value.hint
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
