"""What config.toml says and nobody reads: it is told, with what may have been meant."""

from pathlib import Path

import pytest

from app.cli import root
from app.settings import load


def warnings(folder: Path, text: str) -> tuple[str, ...]:
    """What is told of this configuration file."""
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return load({"LOOPIN_CONFIG_DIR": str(folder)}).warnings


@pytest.mark.parametrize(
    ("text", "name", "meant"),
    [
        ("readonly = true", "readonly", "read_only"),
        ('themes = "nord"', "themes", "theme"),
        ('[gumloop]\nbaseurl = "x"', "gumloop.baseurl", "gumloop.base_url"),
        ('[chainlop]\norganization = "x"', "chainlop.organization", "chainloop.organization"),
        (
            "[chainloop.profiles.prod]\nreadonly = true",
            "chainloop.profiles.prod.readonly",
            "chainloop.profiles.prod.read_only",
        ),
    ],
)
def test_a_key_that_is_not_read_is_named(tmp_path: Path, text: str, name: str, meant: str) -> None:
    assert warnings(tmp_path, text) == (f"{name} in config.toml is no setting; did you mean {meant}?",)


def test_a_name_from_the_file_cannot_paint(tmp_path: Path) -> None:
    assert "\x1b" not in warnings(tmp_path, '"\\u001b[2J" = 1')[0]


def test_a_secret_is_not_read_from_the_file_and_not_shown(tmp_path: Path) -> None:
    told = warnings(tmp_path, '[gumloop]\napi_key = "gum_not_real"')
    assert told == ("gumloop.api_key is not read from config.toml: set GUMLOOP_API_KEY",)


def test_what_is_read_is_no_slip(tmp_path: Path) -> None:
    text = (
        'theme = "nord"\nread_only = true\n[chainloop]\norganization = "acme"\n'
        '[chainloop.profiles.prod]\nread_only = true\n[keys]\n"tokens.revoke" = "delete"\n'
        '[filters]\nold = "idle>30d"\n[gumloop]\n'
    )
    assert warnings(tmp_path, text) == ()


def test_a_file_full_of_mistakes_is_told_in_a_few_lines(tmp_path: Path) -> None:
    deep = ".".join("a" * 500)
    assert len(warnings(tmp_path, "\n".join([f"{deep} = 1", *(f"x{n} = 1" for n in range(99))]))) == 5


def test_a_command_tells_it_once_and_does_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.toml").write_text("readonly = true\n", encoding="utf-8")
    for variable in ("LOOPIN_CONFIG_DIR", "LOOPIN_STATE_DIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    assert root.run(["activity", "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == "loopin: readonly in config.toml is no setting; did you mean read_only?\n"
    assert '"activity": []' in said.out
