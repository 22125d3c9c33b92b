"""Files that a person asks for."""

import errno
import os
from pathlib import Path

import pytest

from app.adapters.storage.files import PrivateFileWriter
from app.domain.errors import Failed, UsageError
from app.domain.secret import Secret


async def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    place = tmp_path / "token"
    assert await PrivateFileWriter().write(str(place), Secret("sample-token")) == str(place)
    assert (place.read_text(), place.stat().st_mode & 0o777) == ("sample-token", 0o600)


async def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "list.csv"
    place.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        await PrivateFileWriter().write_text(str(place), "a,b\n")
    assert place.read_text() == "mine"


async def test_a_place_that_takes_no_file_is_no_matter_of_the_keychain(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot be written") as told:
        await PrivateFileWriter().write_text(str(tmp_path / "nowhere" / "list.csv"), "a,b\n")
    assert told.value.hint == "name another place"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
async def test_half_a_file_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The reason is told, and the same name can be tried again: the token is shown only once."""

    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    place = tmp_path / "token"
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(os, "fsync", full)
        with pytest.raises(Failed, match=os.strerror(number)):
            await PrivateFileWriter().write(str(place), Secret("sample-token"))
    assert not place.exists()
    await PrivateFileWriter().write(str(place), Secret("sample-token"))
    assert place.read_text() == "sample-token"


@pytest.mark.parametrize("name", ["", " ", "a\0b", "~nobody-of-that-name/x"])
async def test_what_is_no_file_name_is_said(name: str) -> None:
    """An error of ours, which the dialog shows."""
    with pytest.raises(UsageError, match="file name"):
        await PrivateFileWriter().write_text(name, "x")
    with pytest.raises(UsageError, match="file name"):
        await PrivateFileWriter().is_free(name)
