"""Files that a person asks for."""

from pathlib import Path

import pytest

from app.clients.private_files import NewPrivateFiles
from app.domain.errors import Failed, UsageError
from app.domain.secret import Secret


async def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    place = tmp_path / "token"
    assert await NewPrivateFiles().write(str(place), Secret("sample-token")) == str(place)
    assert (place.read_text(), place.stat().st_mode & 0o777) == ("sample-token", 0o600)


async def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "list.csv"
    place.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        await NewPrivateFiles().write_text(str(place), "a,b\n")
    assert place.read_text() == "mine"


async def test_a_place_that_takes_no_file_is_no_matter_of_the_keychain(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot be written") as told:
        await NewPrivateFiles().write_text(str(tmp_path / "nowhere" / "list.csv"), "a,b\n")
    assert told.value.hint == "name another place"
