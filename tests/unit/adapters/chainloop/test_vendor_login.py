"""The configuration file of Chainloop's own command line, as it is read."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.chainloop.vendor_login import VendorLoginFile, default_path, readable_by_others
from app.domain.claims import read_claims
from app.domain.credentials import Method
from app.domain.errors import UsageError
from app.settings import VENDOR_FILE_LIMIT

TOKEN = "not-a-real-session-of-ada"
PEM = "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----"


def reader(path: Path, text: str = "") -> VendorLoginFile:
    if text:
        path.write_text(text, encoding="utf-8")
    return VendorLoginFile(read_claims, path)


def test_it_is_read_whole(tmp_path: Path) -> None:
    text = f"""organization = "acme"\n[Auth]\ntoken = "{TOKEN}"\n[control-plane]\nAPI = "cp.example"\n"""
    login = reader(tmp_path / "config.toml", text).read()
    assert login.secret.reveal() == TOKEN
    assert login.endpoint is not None
    assert (login.endpoint.address, login.endpoint.insecure, login.endpoint.ca) == (
        "cp.example:443",
        False,
        "",
    )
    assert (login.organization, login.method, login.expires_at) == ("acme", Method.API_TOKEN, None)
    assert login.path == str(tmp_path / "config.toml")
    assert TOKEN not in repr(login)


@pytest.mark.parametrize(
    ("value", "insecure"),
    [("true", True), ("'true'", True), ("1", True), ("false", False), ("'F'", False), ("0", False)],
)
def test_plain_text_is_read_as_the_vendors_program_reads_it(
    tmp_path: Path, value: str, insecure: bool
) -> None:
    text = f"api-insecure = {value}\n[auth]\ntoken = '{TOKEN}'\n[control-plane]\napi = 'cp.example:9'\n"
    endpoint = reader(tmp_path / "config.toml", text).read().endpoint
    assert endpoint is not None
    assert endpoint.insecure is insecure


@pytest.mark.parametrize(("given", "read"), [(PEM, PEM.replace("\\n", "\n")), ("ca.pem", "")])
def test_an_authority_is_a_text_or_an_absolute_path(tmp_path: Path, given: str, read: str) -> None:
    text = f"[auth]\ntoken = '{TOKEN}'\n[control-plane]\napi = 'cp.example'\napi-ca = \"{given}\"\n"
    endpoint = reader(tmp_path / "config.toml", text).read().endpoint
    assert endpoint is not None
    assert endpoint.ca == (read or str(Path.cwd() / "ca.pem"))


@pytest.mark.parametrize("server", ["", "api = ''", "api = 7", "api = 'a b'", "api = 'http://x/path'"])
def test_a_server_that_is_not_told_is_a_problem_and_no_guess(tmp_path: Path, server: str) -> None:
    login = reader(tmp_path / "config.toml", f"[auth]\ntoken = '{TOKEN}'\n[control-plane]\n{server}\n").read()
    assert login.endpoint is None
    assert "control-plane.API" in login.problem or "control-plane.api" in login.problem


@pytest.mark.parametrize(
    "text", ["", "auth = 1", "[auth]\ntoken = ''", "a" + ".a" * 5000 + " = 1", "x = " + "[" * 100_000, "\0"]
)
def test_what_holds_no_login_is_told_when_asked_for_and_not_found_otherwise(
    tmp_path: Path, text: str
) -> None:
    file = reader(tmp_path / "config.toml", text or "# nothing")
    assert file.find() is None
    with pytest.raises(UsageError):
        file.read()


def test_what_is_no_such_file_is_not_read(tmp_path: Path) -> None:
    """A pipe would be waited for without an end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"#" * (VENDOR_FILE_LIMIT + 1))
    for name in ("pipe", "large", "missing", "folder/missing"):
        assert reader(tmp_path / name).find() is None
        with pytest.raises(UsageError, match=name):
            reader(tmp_path / name).read()


def test_without_a_usual_file_nothing_is_found() -> None:
    assert VendorLoginFile(read_claims, None).find() is None
    with pytest.raises(UsageError, match="has no configuration file here"):
        VendorLoginFile(read_claims, None).read()


def test_the_usual_file_is_the_vendors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_path() == tmp_path / "chainloop" / "config.toml"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others may go through, down from the root."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        path = Path(made)
        path.chmod(0o711)
        yield path


@pytest.mark.parametrize(
    ("file", "above", "others"),
    [(0o644, 0o711, True), (0o604, 0o701, True), (0o600, 0o711, False), (0o644, 0o700, False)],
)
def test_others_can_read_it_where_they_may_also_get_there(
    folder: Path, file: int, above: int, others: bool
) -> None:
    path = folder / "config.toml"
    path.write_text("# nothing")
    path.chmod(file)
    folder.chmod(above)
    assert readable_by_others(path) is others
