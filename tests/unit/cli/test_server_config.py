"""Options of the account server from a variable and from a file."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from app.cli.server_config import PREFIX
from app.cli.server_options import resolve_database_url
from app.cli.server_start import start
from app.cli.server_user import list_ as list_users
from app.domain.errors import UsageError
from tests.support.cli import in_process

NULL = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


def parsed(*arguments: str, command: click.Command = start) -> click.Context:
    """The command as it would run with these arguments."""
    return command.make_context(command.name, list(arguments))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """An empty file."""
    path = tmp_path / "server.toml"
    path.write_text("")
    return path


def write(config: Path, text: str) -> Path:
    config.write_text(text, encoding="utf-8")
    return config


@pytest.mark.parametrize(
    ("arguments", "variables", "in_file", "port"),
    [
        ((), {}, "", 0),
        ((), {}, "http-port = 8081", 8081),
        ((), {}, "http_port = 8081", 8081),
        ((), {}, "[http]\nport = 8081", 8081),
        ((), {"HTTP_PORT": "8082"}, "http-port = 8081", 8082),
        (("--http-port", "8083"), {"HTTP_PORT": "8082"}, "http-port = 8081", 8083),
        (("--http-port", "0"), {"HTTP_PORT": "8082"}, "http-port = 8081", 0),
        ((), {"HTTP_PORT": ""}, "http-port = 8081", 8081),
    ],
)
def test_a_flag_beats_a_variable_and_that_the_file(
    arguments: tuple[str, ...],
    variables: Mapping[str, str],
    in_file: str,
    port: int,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(PREFIX + name, value)
    monkeypatch.setenv(f"{PREFIX}CONFIG", str(write(config, in_file)))
    assert parsed(*arguments).params["http_port"] == port


def test_every_option_of_start_has_a_variable_of_its_name() -> None:
    without = set()
    for option in start.params:
        longest = max(option.opts, key=len)
        variable = PREFIX + longest.lstrip("-").replace("-", "_").upper()
        if variable not in (option.envvar or ()):
            without.add(longest)
    assert without == {"--control-stdin", "--debug", "--json"}


def test_lists_flags_and_times_are_read_from_the_file(config: Path) -> None:
    write(
        config,
        'trusted-proxy = ["10.0.0.0/8", "fd00::/8"]\nno-passwords = true\nsweep-interval = 900\n'
        'session-hours = "12h"\n[tls]\ncert = "chain.pem"\n',
    )
    params = parsed("--config", str(config)).params
    assert params["trusted_proxies"] == ("10.0.0.0/8", "fd00::/8")
    assert params["no_passwords"] is True
    assert params["sweep_interval"] == timedelta(minutes=15)
    assert params["session_life"] == timedelta(hours=12)
    assert params["tls_cert"] == Path("chain.pem")


def test_a_variable_holds_several_values_between_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}TRUSTED_PROXY", "10.0.0.0/8 fd00::/8")
    monkeypatch.setenv(f"{PREFIX}NO_PASSWORDS", "true")
    params = parsed().params
    assert params["trusted_proxies"] == ("10.0.0.0/8", "fd00::/8")
    assert params["no_passwords"] is True


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("http-prot = 1", "'http-prot', which is no option", "did you mean http-port?"),
        ("colour = 1", "'colour', which is no option", "loopin server start --help"),
        ("control-stdin = true", "'control-stdin', which is no option", "--help"),
        ("http-port = [1]", "http-port in", 'http-port = "…"'),
        ("http-port = true", "http-port in", 'http-port = "…"'),
        ("no-passwords = 1", "no-passwords in", "no-passwords = true"),
        ('trusted-proxy = "10.0.0.0/8"', "trusted-proxy in", 'trusted-proxy = ["…"]'),
        ("http-port = 8080.9", "http-port in", 'http-port = "…"'),
        ("http-port = inf", "http-port in", 'http-port = "…"'),
        ("data = 5", "data in", 'data = "…"'),
        ("tls-cert = 1.5", "tls-cert in", 'tls-cert = "…"'),
        ('data = "a\\u0000b"', "data in", 'data = "…"'),
        ("log-level = 1", "log-level in", 'log-level = "…"'),
        ("http-port 8080", "is not TOML", "http-port = 8080"),
        ("database-url = 'postgresql://u:not-real@h/d'", "has a password", "--database-url-file"),
    ],
)
def test_what_cannot_be_used_in_the_file_is_named(text: str, message: str, hint: str, config: Path) -> None:
    write(config, text)
    with pytest.raises(UsageError) as refused:
        parsed("--config", str(config))
    assert message in refused.value.message
    assert hint in refused.value.hint
    assert "not-real" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        parsed("--config", str(tmp_path / "none.toml"))


def test_one_file_serves_all_commands(config: Path, tmp_path: Path) -> None:
    """What only `start` takes is no error for the others, and what nobody takes is one for all."""
    write(config, f'data = "{tmp_path}"\nhttp-port = 8080\n')
    assert parsed("--config", str(config), command=list_users).params["data"] == tmp_path
    write(config, "http-prot = 8080\n")
    with pytest.raises(UsageError, match="http-prot"):
        parsed("--config", str(config), command=list_users)


def test_a_file_before_the_name_of_a_subcommand_is_refused(config: Path, tmp_path: Path) -> None:
    """It would not reach the command, which would act on another server."""
    arguments = ["server", "audit", "--config", str(config), "prune", "--before", "1d", "--to", "x"]
    run = in_process(arguments, {**NULL, "HOME": str(tmp_path)})
    assert run.code == 2
    assert "options of prune go after it" in run.err


@pytest.mark.parametrize(
    ("arguments", "variables", "url"),
    [
        ((), {"LOOPIN_DATABASE_URL": "postgresql://a@h/d"}, "postgresql://a@h/d"),
        ((), {"LOOPIN_SERVER_DATABASE_URL": "postgresql://a:not-real@h/d"}, "postgresql://a:not-real@h/d"),
        (
            ("--database-url", "postgresql://b@h/d"),
            {"LOOPIN_SERVER_DATABASE_URL": "postgresql://a@h/d"},
            "postgresql://b@h/d",
        ),
        (("--database-url-file", "URL"), {"LOOPIN_SERVER_DATABASE_URL": "postgresql://a@h/d"}, "from file"),
        (
            ("--database-url", "postgresql://b@h/d"),
            {"LOOPIN_SERVER_DATABASE_URL_FILE": "URL"},
            "postgresql://b@h/d",
        ),
    ],
)
def test_the_strongest_source_names_the_database(
    arguments: tuple[str, ...],
    variables: Mapping[str, str],
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "url"
    file.touch(0o600)
    file.write_text("from file")
    for name, value in variables.items():
        monkeypatch.setenv(name, str(file) if value == "URL" else value)
    with parsed(*(str(file) if one == "URL" else one for one in arguments)) as ctx:
        params: Mapping[str, Any] = ctx.params
        assert resolve_database_url(params["database_url"], params["database_url_file"]) == url


def test_two_databases_from_one_source_are_refused(tmp_path: Path) -> None:
    arguments = ("--database-url", "postgresql://b@h/d", "--database-url-file", str(tmp_path / "url"))
    with parsed(*arguments) as ctx, pytest.raises(UsageError, match="two databases are named"):
        resolve_database_url(ctx.params["database_url"], ctx.params["database_url_file"])


def test_an_error_says_which_variable_was_wrong(tmp_path: Path) -> None:
    run = in_process(["server", "start"], {**NULL, "HOME": str(tmp_path), f"{PREFIX}HTTP_PORT": "many"})
    assert run.code == 2
    assert f"(from {PREFIX}HTTP_PORT)" in run.err


def test_an_error_says_that_the_file_was_wrong(tmp_path: Path, config: Path) -> None:
    write(config, 'http-port = "many"')
    run = in_process(["server", "start", "--config", str(config)], {**NULL, "HOME": str(tmp_path)})
    assert run.code == 2
    assert "(from the file of --config)" in run.err
