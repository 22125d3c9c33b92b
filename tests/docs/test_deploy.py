"""The files under docs/deploy name what exists."""

import re
import tomllib
from pathlib import Path

import pytest

from app.cli import root
from app.cli.server_config import PREFIX
from app.cli.server_start import start

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
PAGE = DEPLOY.parent / "server.md"
VARIABLES = {
    name
    for option in start.params
    for name in ([option.envvar] if isinstance(option.envvar, str) else option.envvar or ())
}


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "loopin.service"])
def test_every_variable_is_an_option_of_the_server(name: str) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]+", (DEPLOY / name).read_text()))
    assert named
    assert named <= VARIABLES


def test_the_configuration_file_on_the_page_is_accepted(tmp_path: Path) -> None:
    (found,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert tomllib.loads(found)
    path = tmp_path / "server.toml"
    path.write_text(found)
    assert start.make_context("start", ["--config", str(path)]).params["http_port"] == 8080


def test_the_containers_run_commands_that_exist() -> None:
    found = re.findall(r"docker compose run (?:--\S+ )*admin ([a-z-]+(?: [a-z-]+)?)", PAGE.read_text())
    assert found
    for words in found:
        assert root.run(["server", *words.split(), "--help"]) == 0, words


def test_the_page_names_every_file() -> None:
    text = PAGE.read_text()
    assert {path.name for path in DEPLOY.iterdir() if f"deploy/{path.name}" not in text} == set()


def test_the_proxy_tries_a_server_again_soon_after_it_was_away() -> None:
    """With nginx's own 10 seconds, servers that restart one after the other would both be left out."""
    servers = re.findall(r"^ *server \S+:\d+(.*);$", (DEPLOY / "nginx.conf").read_text(), re.MULTILINE)
    assert servers == [" fail_timeout=2s"] * 2
