"""Where a setting came from is named, and how it was typed does not count."""

import os
from pathlib import Path

import pytest

from app.cli import root
from app.domain.errors import UsageError
from app.domain.secret import Secret
from app.settings import Settings, load


def read(
    folder: Path, text: str | bytes = "", flags: dict[str, str | None] | None = None, /, **more: str
) -> Settings:
    """What a run with this configuration file works with."""
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "config.toml").write_bytes(data)
    return load({"LOOPIN_CONFIG_DIR": str(folder), "LOOPIN_STATE_DIR": str(folder), **more}, flags)


@pytest.mark.parametrize(
    "typed", ["cp.example", "https://cp.example:443/", " CP.example:443\n", '"cp.example:443"']
)
def test_an_address_means_the_same_wherever_it_is_given(tmp_path: Path, typed: str) -> None:
    """In a flag, a variable and the file."""
    quoted = typed.replace('"', '\\"').replace("\n", "\\n")
    by_flag = read(tmp_path, "", {"chainloop_address": typed})
    by_variable = read(tmp_path, CHAINLOOP_CONTROL_PLANE_API=typed)
    by_file = read(tmp_path, f'[chainloop]\ncontrol_plane = "{quoted}"\n')
    for settings in (by_flag, by_variable, by_file):
        assert settings.chainloop.endpoint is not None
        assert settings.chainloop.endpoint.address == "cp.example:443"


@pytest.mark.parametrize(
    "typed", ["https://g.example/api/v1/", " https://g.example/api/v1\n", "\ufeffhttps://g.example/api/v1"]
)
def test_so_does_a_base_url(tmp_path: Path, typed: str) -> None:
    """Without blanks, a byte order mark and the slash at the end."""
    for settings in (
        read(tmp_path, GUMLOOP_BASE_URL=typed),
        read(tmp_path, "", {"gumloop_base_url": typed}),
    ):
        assert settings.gumloop.endpoint is not None
        assert settings.gumloop.endpoint.address == "https://g.example/api/v1"


@pytest.mark.parametrize("variable", ["CHAINLOOP_TOKEN", "GUMLOOP_ACCESS_TOKEN", "GUMLOOP_API_KEY"])
def test_a_secret_in_a_variable_is_what_is_meant(tmp_path: Path, variable: str) -> None:
    """As it is copied from a page, a header or a file of Windows."""
    for typed in ("not-a-real-one\r\n", "Bearer not-a-real-one", '"not-a-real-one"', "not-a-\nreal-one"):
        settings = read(tmp_path, **{variable: typed})
        found = {
            "CHAINLOOP_TOKEN": settings.chainloop.environment,
            "GUMLOOP_ACCESS_TOKEN": settings.gumloop.access_token,
            "GUMLOOP_API_KEY": settings.gumloop.api_key,
        }
        assert found[variable] == Secret("not-a-real-one")


@pytest.mark.parametrize("blank", ["", " ", "\n", "\ufeff", '""'])
def test_a_blank_variable_is_not_set(tmp_path: Path, blank: str) -> None:
    """As an empty one is not."""
    names = ("CHAINLOOP_TOKEN", "CHAINLOOP_ORGANIZATION", "CHAINLOOP_CONTROL_PLANE_API", "LOOPIN_NEAR_DAYS")
    settings = read(tmp_path, "near_days = 3", **dict.fromkeys(names, blank))
    assert settings.chainloop.environment is None
    assert settings.chainloop.endpoint is None
    assert settings.chainloop.organization == ""
    assert settings.near_days == 3


@pytest.mark.parametrize("flag", ["--org", "--control-plane", "--profile", "--control-plane-ca"])
def test_a_blank_flag_is_named(
    flag: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody meant something by it: `--org "$ORGANIZATION"`."""
    monkeypatch.setenv("LOOPIN_CONFIG_DIR", str(tmp_path))
    assert root.run(["chainloop", "organization", "list", flag, " "]) == 2
    assert f"{flag} is empty" in capsys.readouterr().err


def test_an_organization_is_trimmed(tmp_path: Path) -> None:
    """A line break from a file does not make another organization."""
    assert read(tmp_path, CHAINLOOP_ORGANIZATION=" acme\n").chainloop.organization == "acme"


@pytest.mark.parametrize("variable", ["LOOPIN_CONFIG_DIR", "LOOPIN_STATE_DIR"])
def test_a_folder_may_begin_with_the_home_folder(
    tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tilde in an env file or a unit is expanded by no shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load({"LOOPIN_CONFIG_DIR": str(tmp_path), variable: "~/of-mine\n"})
    folder = settings.config_dir if variable == "LOOPIN_CONFIG_DIR" else settings.state_dir
    assert folder == tmp_path / "of-mine"


def test_a_relative_authority_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stored with the login."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for typed in ("ca.pem", "~/ca.pem\n"):
        assert read(tmp_path, CHAINLOOP_CONTROL_PLANE_API_CA=typed).chainloop.default.ca == str(
            tmp_path / "ca.pem"
        )
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    assert read(tmp_path, CHAINLOOP_CONTROL_PLANE_API_CA=pem).chainloop.default.ca == pem


@pytest.mark.parametrize(
    ("text", "more", "flags", "source"),
    [
        ("[chainloop]\ncontrol_plane = 'a b'", {}, {}, "chainloop.control_plane in config.toml"),
        ("", {"CHAINLOOP_CONTROL_PLANE_API": "a b"}, {}, "CHAINLOOP_CONTROL_PLANE_API"),
        ("", {}, {"chainloop_address": "a b"}, "--control-plane"),
        ("", {"GUMLOOP_BASE_URL": "nowhere"}, {}, "GUMLOOP_BASE_URL"),
        ("[gumloop]\nprofile = 'a:b'", {}, {}, "gumloop.profile in config.toml"),
        ("", {}, {"chainloop_profile": "a b"}, "--profile"),
        ("", {}, {"gumloop_profile": "a/b"}, "--profile"),
        ("near_days = 'soon'", {}, {}, "near_days in config.toml"),
        ("", {"CHAINLOOP_API_INSECURE": "perhaps"}, {}, "CHAINLOOP_API_INSECURE"),
        ("", {"CHAINLOOP_ORGANIZATION": "a\udcff"}, {}, "CHAINLOOP_ORGANIZATION"),
        ("", {"LOOPIN_STATE_DIR": "~nobody-of-that-name/x"}, {}, "LOOPIN_STATE_DIR"),
        ("", {"CHAINLOOP_CONTROL_PLANE_API": "http://cp.example"}, {}, "CHAINLOOP_CONTROL_PLANE_API"),
        (
            "",
            {"CHAINLOOP_CONTROL_PLANE_API": "https://cp.example"},
            {"chainloop_insecure": "true"},
            "CHAINLOOP_CONTROL_PLANE_API",
        ),
    ],
)
def test_an_error_names_the_source(
    tmp_path: Path, text: str, more: dict[str, str], flags: dict[str, str | None], source: str
) -> None:
    """The place that has to be corrected."""
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text, flags, **more)
    assert caught.value.message.startswith(source)


def test_plain_text_may_be_said_twice(tmp_path: Path) -> None:
    """By the scheme and by the flag."""
    settings = read(
        tmp_path, "", {"chainloop_address": "http://127.0.0.1:9000", "chainloop_insecure": "true"}
    )
    assert settings.chainloop.endpoint is not None
    assert settings.chainloop.endpoint.address == "127.0.0.1:9000"
    assert settings.chainloop.endpoint.insecure


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    """Notepad writes one."""
    assert read(tmp_path, 'theme = "nord"\r\nnear_days = 3\r\n'.encode(encoding)).near_days == 3


def test_without_a_home_folder_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user may have neither HOME nor an entry in passwd."""
    monkeypatch.delenv("HOME", raising=False)
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(UsageError, match="no home folder") as caught:
        load({})
    assert "LOOPIN_CONFIG_DIR" in caught.value.hint
