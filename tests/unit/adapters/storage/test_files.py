"""Files on disk: whole or not at all, private, shared between processes."""

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from app.adapters.storage import files
from app.adapters.storage.accounts import TomlAccounts
from app.adapters.storage.activity import JsonLinesActivity
from app.domain.errors import Failed
from tests.contract.stores import entry

ROOT = Path(__file__).parents[4]


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def fill(folder: Path) -> None:
    """Write both files."""
    await TomlAccounts(folder / "accounts.toml").remember("chainloop", "default", {"a": "1"})
    await JsonLinesActivity(folder / "activity.jsonl").append(entry(1))


async def test_files_and_folder_are_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "made"
    if umask == 0o777:
        # mkdir obeys the umask; a folder that exists is used as it is.
        folder.mkdir()
        folder.chmod(0o700)
    await fill(folder)
    assert mode(folder) == 0o700
    for path in folder.iterdir():
        assert mode(path) & 0o077 == 0, path


async def test_no_temporary_file_is_left(tmp_path: Path) -> None:
    await fill(tmp_path)
    await fill(tmp_path)
    assert {name for name in names(tmp_path) if not name.endswith(".lock")} == {
        "accounts.toml",
        "activity.jsonl",
    }


async def test_a_write_that_fails_leaves_the_old_file_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TomlAccounts(tmp_path / "accounts.toml")
    await store.remember("chainloop", "default", {"a": "1"})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Failed, match="No space left on device"):
        await store.remember("chainloop", "default", {"a": "2"})
    monkeypatch.undo()
    assert dict(await store.facts("chainloop", "default")) == {"a": "1"}
    assert names(tmp_path) <= {"accounts.toml", ".accounts.toml.lock"}


async def test_a_full_disk_leaves_the_trail_as_it_was(tmp_path: Path) -> None:
    """/dev/full is a disk that is always full."""
    path = tmp_path / "activity.jsonl"
    path.symlink_to("/dev/full")
    with pytest.raises(Failed, match="No space left on device"):
        await JsonLinesActivity(path).append(entry(1))


async def test_a_short_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = JsonLinesActivity(tmp_path / "activity.jsonl")
    await store.append(entry(1))
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
    with pytest.raises(Failed):
        await store.append(entry(2))
    monkeypatch.undo()
    await store.append(entry(3))
    assert list(await store.entries()) == [entry(1), entry(3)]


async def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Failed, match="cannot be written"):
        await TomlAccounts(tmp_path / "file" / "accounts.toml").remember("chainloop", "default", {})
    with pytest.raises(Failed, match="cannot be written"):
        await JsonLinesActivity(tmp_path / "file" / "activity.jsonl").append(entry(1))


@pytest.mark.parametrize(
    "text",
    ["not = = toml", "[chainloop]\ndefault = 3", "chainloop = 'x'", "\x00", "[chainloop.default]\na = [1]"],
)
async def test_an_accounts_file_that_somebody_broke_stops_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text(text)
    store = TomlAccounts(path)
    await store.profiles("chainloop")
    await store.remember("chainloop", "work", {"a": "1"})
    assert "work" in await store.profiles("chainloop")
    kept = tmp_path / "accounts.toml.unreadable"
    assert not kept.exists() or kept.read_text() == text


async def test_what_cannot_be_parsed_is_kept_beside(tmp_path: Path) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text("broken = = by hand")
    await TomlAccounts(path).remember("chainloop", "default", {"a": "1"})
    assert (tmp_path / "accounts.toml.unreadable").read_text() == "broken = = by hand"


async def test_lines_that_cannot_be_read_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "activity.jsonl"
    store = JsonLinesActivity(path)
    await store.append(entry(1))
    good = path.read_bytes()
    junk = [
        b"", b"nonsense", b"[]", b"null", b"{}", b'{"at": 1}', b"\xff\xfe\x00", b"[" * 5000, b'{"a":' * 5000,
        good.strip().replace(b'"create"', b'"telepathy"'),
        good.strip().replace(b"+00:00", b""),
        good.strip().replace(b"chainloop", b"nobody"),
        good.strip()[:-20],
    ]  # fmt: skip
    path.write_bytes(b"\n".join(junk) + b"\n" + good)
    assert list(await store.entries()) == [entry(1)]


async def test_half_a_line_from_a_crash_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "activity.jsonl"
    store = JsonLinesActivity(path)
    await store.append(entry(1))
    with path.open("ab") as file:
        file.write(b'{"at": "2026-03')
    await store.append(entry(2))
    assert list(await store.entries()) == [entry(1), entry(2)]


async def test_the_trail_keeps_the_newest_and_its_size(tmp_path: Path) -> None:
    path = tmp_path / "activity.jsonl"
    store = JsonLinesActivity(path, max_bytes=4000)
    for number in range(100):
        await store.append(entry(number))
        assert path.stat().st_size <= 4200
    kept = list(await store.entries())
    assert kept == [entry(number) for number in range(100 - len(kept), 100)]
    assert len(kept) >= 10
    assert mode(path) == 0o600


_WRITER = """
import asyncio, sys
from pathlib import Path
from app.adapters.storage.accounts import TomlAccounts
from app.adapters.storage.activity import JsonLinesActivity
from tests.contract.stores import entry

async def main(who, folder):
    accounts, trail = TomlAccounts(folder / "accounts.toml"), JsonLinesActivity(folder / "activity.jsonl")
    for number in range(25):
        await trail.append(entry(number, identity=who, detail="d" * 5000))
        await accounts.remember("chainloop", f"{who}-{number}", {"n": str(number)})

asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
"""


def test_three_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, who, str(tmp_path)], cwd=ROOT) for who in "abc"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    entries = asyncio.run(JsonLinesActivity(tmp_path / "activity.jsonl").entries())
    for who in "abc":
        assert [e.subject for e in entries if e.identity == who] == [f"token-{n}" for n in range(25)]
    assert len(asyncio.run(TomlAccounts(tmp_path / "accounts.toml").profiles("chainloop"))) == 75


async def test_a_lock_that_is_not_to_be_had_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_TIMEOUT", 0.05)
    with FileLock(tmp_path / ".accounts.toml.lock"), pytest.raises(Failed, match="in use by another program"):
        await TomlAccounts(tmp_path / "accounts.toml").remember("chainloop", "default", {})


async def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot be read"):
        await TomlAccounts(tmp_path).profiles("chainloop")
    with pytest.raises(Failed, match="cannot be read"):
        await JsonLinesActivity(tmp_path).entries()
