"""The configuration file of the vendor's command, named by --config: what is read of it, and its rank."""

from pathlib import Path

import pytest

from app.domain.errors import UsageError
from app.settings import Settings, load
from tests.support.cli import Loopin

SAVED = """\
api-insecure = false
api-max-recv-msg-size = 0
organization = 'of-the-file'

[artifact-cas]
api = 'api.cas.example:443'

[auth]
token = 'not-a-real-token'

[control-plane]
API = 'file.example:9000'
api-ca = ''
"""
SECRET = "not-a-real-token"


def read(folder: Path, text: str = SAVED, own: str = "", /, **flags: str | None) -> Settings:
    """What a run works with that names this file, beside this config.toml; upper-case flags are variables."""
    (folder / "vendor.toml").write_text(text)
    (folder / "config.toml").write_text(own)
    variables = {name: value for name, value in flags.items() if name.isupper() and value is not None}
    given = {name: value for name, value in flags.items() if not name.isupper()}
    places = {"LOOPIN_CONFIG_DIR": str(folder), "LOOPIN_STATE_DIR": str(folder)}
    return load({**places, **variables}, {"chainloop_config": str(folder / "vendor.toml"), **given})


def test_organization_and_address_are_read_and_the_token_is_not(tmp_path: Path) -> None:
    """As `chainloop config save` writes them; the vendor's program does not look at the case of a key."""
    target = read(tmp_path).chainloop
    assert (target.organization, target.flag, target.environment) == ("of-the-file", None, None)
    assert target.organization_source == f"organization in {tmp_path / 'vendor.toml'}"
    assert target.endpoint is not None
    assert (target.endpoint.address, target.endpoint.insecure) == ("file.example:9000", False)
    assert SECRET not in repr(read(tmp_path))


def test_the_transport_is_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    text = f"api-insecure = true\n[control-plane]\napi = 'x.example:1'\napi-ca = '{tmp_path / 'ca.pem'}'\n"
    endpoint = read(tmp_path, text).chainloop.endpoint
    assert endpoint is not None
    assert (endpoint.insecure, endpoint.ca) == (True, str(tmp_path / "ca.pem"))


OWN = "[chainloop]\norganization = 'of-config-toml'\ncontrol_plane = 'own.example:1'\n"


@pytest.mark.parametrize(
    ("text", "more", "organization"),
    [
        (
            SAVED,
            {"chainloop_organization": "of-the-flag", "CHAINLOOP_ORGANIZATION": "of-the-variable"},
            "flag",
        ),
        (SAVED, {"CHAINLOOP_ORGANIZATION": "of-the-variable"}, "variable"),
        (SAVED, {}, "file"),
        ("organization = ''", {}, "config-toml"),
        ("", {}, "config-toml"),
    ],
)
def test_the_order_of_the_sources(tmp_path: Path, text: str, more: dict[str, str], organization: str) -> None:
    found = read(tmp_path, text, OWN, **more).chainloop.organization
    assert found.removeprefix("of-").removeprefix("the-") == organization


def test_a_variable_ranks_before_the_file_for_addresses_too(tmp_path: Path) -> None:
    by_variable = read(tmp_path, SAVED, OWN, CHAINLOOP_CONTROL_PLANE_API="var.example:2").chainloop.endpoint
    by_file = read(tmp_path, SAVED, OWN).chainloop.endpoint
    assert by_variable is not None
    assert by_file is not None
    assert (by_variable.address, by_file.address) == ("var.example:2", "file.example:9000")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[control-plane]\napi = 'not an address'\n", "control-plane.api in {}"),
        ("api-insecure = 'maybe'\n", "api-insecure in {} is 'maybe'"),
        (
            "api-insecure = true\n[control-plane]\napi = 'https://x.example'\n",
            "api-insecure in {} says plain",
        ),
        ("api-max-recv-msg-size = -1\n", "api-max-recv-msg-size in {} is '-1'"),
        ("[organization]\nname = 'x'\n", "organization in {} is not a single value"),
        ("control-plane = 3\norganization = ['x']\n", "organization in {} is not a single value"),
        (f"[auth]\ntoken = '{SECRET}\n", "--config {} is not TOML"),
        (f"{SECRET}", "--config {} is not TOML"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    assert words.format(tmp_path / "vendor.toml") in caught.value.message
    assert SECRET not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("place", [["-c"], ["--config"]])
def test_a_file_that_cannot_be_read_is_one_sentence(loopin: Loopin, tmp_path: Path, place: list[str]) -> None:
    missing = tmp_path / "missing.toml"
    told = f"loopin: --config {missing} does not exist\n  next: "
    for line in (
        ["chainloop", *place, str(missing), "organization", "describe"],
        ["chainloop", "organization", "describe", *place, str(missing)],
    ):
        assert loopin(*line).fails(2).err.startswith(told)
    loopin("chainloop", "organization", "list", *place, str(tmp_path)).fails(
        2, f"--config {tmp_path} is not a configuration file"
    )
    loopin("chainloop", "organization", "list", *place, "").fails(2, "--config is empty")
    (tmp_path / "bytes.toml").write_bytes(b"a = '\xff'")
    loopin("chainloop", "organization", "list", *place, str(tmp_path / "bytes.toml")).fails(2, "is not UTF-8")


@pytest.mark.parametrize("size", [None, "0", "33554432"])
def test_no_size_is_the_default(tmp_path: Path, size: str | None) -> None:
    assert read(tmp_path, "", "", chainloop_max_recv=size).chainloop_max_recv == 32 * 1024 * 1024


@pytest.mark.parametrize("size", ["-1", "2147483648", "many"])
def test_a_size_out_of_range_names_its_source(tmp_path: Path, size: str) -> None:
    own = f"[chainloop]\nmax_recv_msg_size = '{size}'\n"
    for more, source in (
        ({"chainloop_max_recv": size}, "--max-recv-msg-size"),
        ({"CHAINLOOP_API_MAX_RECV_MSG_SIZE": size}, "CHAINLOOP_API_MAX_RECV_MSG_SIZE"),
        ({}, "chainloop.max_recv_msg_size in config.toml"),
    ):
        with pytest.raises(UsageError) as caught:
            read(tmp_path, "", own, **more)
        assert caught.value.message == f"{source} is {size!r}"
        assert caught.value.hint == "use a whole number from 0 to 2147483647"


def test_the_options_of_artifacts_change_nothing_and_say_so_with_debug_alone(loopin: Loopin) -> None:
    """Before and after the command, once each."""
    options = ["--artifact-cas", "cas.example:443", "--artifact-cas-ca", "ca.pem"]
    line = ["organization", "describe"]
    bare = loopin("chainloop", *line)
    assert loopin("chainloop", *options, *line) == loopin("chainloop", *line, *options) == bare
    said = loopin("chainloop", *options, *line, "--debug", *options).err
    for option in options[::2]:
        assert said.count(f"loopin: {option} has no effect: Loopin moves no artifacts\n") == 1
