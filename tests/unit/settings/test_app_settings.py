"""Settings of the full-screen app: from the file, a variable, a flag."""

from pathlib import Path

import pytest

from app.domain.errors import UsageError
from app.settings import Settings, load


def read(
    folder: Path, text: str = "", /, *, flags: dict[str, str | None] | None = None, **more: str
) -> Settings:
    """What a run with this configuration file works with."""
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return load({"LOOPIN_CONFIG_DIR": str(folder), "LOOPIN_STATE_DIR": str(folder), **more}, flags)


def test_nothing_is_read_only_masked_or_polled_unless_asked_for(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert not settings.chainloop.read_only.why("default")
    assert not settings.redact
    assert settings.refresh_minutes == 0


def test_read_only_by_file_variable_and_flag(tmp_path: Path) -> None:
    by_file = read(tmp_path, "read_only = true")
    by_variable = read(tmp_path, "read_only = true", LOOPIN_READ_ONLY="1")
    by_flag = read(tmp_path, flags={"read_only": "true"}, LOOPIN_READ_ONLY="1")
    for settings, says in (
        (by_file, "config.toml"),
        (by_variable, "LOOPIN_READ_ONLY"),
        (by_flag, "--read-only"),
    ):
        for target in (settings.chainloop, settings.gumloop):
            assert target.read_only.why("default") == f"read-only mode is on, says {says}"


def test_read_only_for_one_account(tmp_path: Path) -> None:
    text = "[chainloop.profiles.prod]\nread_only = true\n[chainloop.profiles.dev]\nread_only = false\n"
    mode = read(tmp_path, text).chainloop.read_only
    assert mode.why("prod") == "profile prod is read-only, says config.toml"
    assert not mode.why("dev")
    assert not mode.why("default")


@pytest.mark.parametrize(
    "text", ['[chainloop.profiles.prod]\nread_only = "yes"\n', "refresh_minutes = -1", 'redact = "perhaps"']
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    named = ("profiles.prod]", "refresh_minutes in config.toml", "redact in config.toml")
    assert any(word in caught.value.message for word in named)


@pytest.mark.parametrize(
    "variable",
    [
        *("LOOPIN_NEAR_DAYS", "LOOPIN_REQUEST_TIMEOUT", "LOOPIN_KEYCHAIN_TIMEOUT", "LOOPIN_REFRESH_MINUTES"),
        "CHAINLOOP_API_MAX_RECV_MSG_SIZE",
    ],
)
@pytest.mark.parametrize("value", ["99999999999999999999", "1e9", "inf", "-1", "9" * 5000])
def test_a_number_that_no_calendar_or_clock_holds_is_named(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(UsageError, match=variable):
        load({"LOOPIN_CONFIG_DIR": str(tmp_path), variable: value})
