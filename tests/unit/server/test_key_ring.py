"""The ring of keys: what changes when it is rotated, who may read it, and what two commands at once leave."""

import json
import os
import shutil
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.cli.server_options import resolve_database_url
from app.domain.errors import AlreadyExists, Failed, LoopinError, NotFound, UsageError
from app.server.core import key_ring
from app.server.core.key_ring import DerivedSecrets, KeyRing, read_ring
from app.server.settings import ProviderSettings, ServerSettings
from app.server.tls import Certificate
from tests.support.peers import certificate

SECRET = "a-secret-that-is-not-real"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ring with one key."""
    key_ring.create_ring(tmp_path / "ring.json")
    return tmp_path / "ring.json"


def test_other_secrets_change_with_the_key_and_the_old_ones_are_still_taken(path: Path) -> None:
    file = read_ring(path)
    secrets = DerivedSecrets(file, "pages")
    (before,) = secrets
    key_ring.rotate_keys(path)
    assert list(secrets) == [before]
    file.reload()
    old, new = secrets
    assert (old, new) == (before, file.derive("pages")[0])
    assert new != old
    key_ring.retire_key(path, str(file.keys[-1].kid))
    file.reload()
    assert list(secrets) == [new]


def test_the_name_stays_whatever_becomes_of_the_keys(path: Path) -> None:
    name = key_ring.read_ring(path).name
    for _ in range(2):
        key_ring.rotate_keys(path)
        key_ring.retire_key(path, str(key_ring.read_ring(path).keys[-1].kid))
    assert key_ring.read_ring(path).name == name
    assert name.isalnum()


def test_a_ring_of_a_version_that_wrote_no_name_keeps_the_one_it_had(path: Path) -> None:
    content = json.loads(path.read_text())
    del content["id"]
    path.write_text(json.dumps(content))
    name = key_ring.read_ring(path).name
    key_ring.rotate_keys(path)
    key_ring.retire_key(path, str(key_ring.read_ring(path).keys[-1].kid))
    assert key_ring.read_ring(path).name == name


def test_a_key_that_is_not_known_does_not_make_it_read_the_file(path: Path) -> None:
    file = read_ring(path)
    kid = key_ring.rotate_keys(path).signing.kid
    assert file.find(kid) is None
    assert len(file.keys) == 1
    file.reload()
    assert file.find(kid) is file.signing


def test_a_key_that_was_added_verifies_and_signs_when_it_is_its_turn(path: Path) -> None:
    (first,) = key_ring.read_ring(path).keys
    ring, added = key_ring.add_key(path)
    assert [key.kid for key in ring.keys] == [first.kid, added.kid]
    assert [key.kid for key in key_ring.rotate_keys(path, str(added.kid)).keys] == [added.kid, first.kid]
    with pytest.raises(NotFound):
        key_ring.rotate_keys(path, "unknown")


def test_rotations_at_the_same_moment_lose_nothing(path: Path) -> None:
    before = key_ring.read_ring(path).signing.kid
    with ThreadPoolExecutor(8) as pool:
        made = [pool.submit(key_ring.rotate_keys, path) for _ in range(8)]
        added = [pool.submit(key_ring.add_key, path) for _ in range(4)]
        new = {done.result().signing.kid for done in made} | {done.result()[1].kid for done in added}
    assert len(new) == 12
    assert {key.kid for key in key_ring.read_ring(path).keys} == new | {before}
    assert sorted(entry.name for entry in path.parent.iterdir()) == [".ring.json.lock", "ring.json"]


def test_of_two_that_make_a_ring_at_the_same_moment_one_is_told(tmp_path: Path) -> None:
    def make(_: int) -> KeyRing | None:
        try:
            return key_ring.create_ring(tmp_path / "ring.json")
        except AlreadyExists:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [ring for ring in pool.map(make, range(8)) if ring]
    assert [ring.signing.kid for ring in made] == [key_ring.read_ring(tmp_path / "ring.json").signing.kid]


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
def test_a_rotation_leaves_the_file_to_those_who_could_read_it(path: Path, mode: int) -> None:
    path.chmod(mode)
    if os.geteuid() == 0:
        shutil.chown(path, 12345, 23456)
    before = path.stat()
    key_ring.rotate_keys(path)
    after = path.stat()
    assert stat.S_IMODE(after.st_mode) == mode
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    key_ring.rotate_keys(path)


def test_a_rotation_that_cannot_be_done_leaves_nothing_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    before = path.read_text()
    monkeypatch.setattr(os, "chown", refuse)
    path.chmod(0o640)
    with pytest.raises(Failed, match="cannot be written to"):
        key_ring.rotate_keys(path)
    assert path.read_text() == before
    assert {entry.name for entry in path.parent.iterdir()} <= {".ring.json.lock", "ring.json"}


def of_the_ring(folder: Path) -> tuple[Path, Callable[[], object]]:
    key_ring.create_ring(folder / "secret")
    return folder / "secret", lambda: key_ring.read_ring(folder / "secret")


def of_federation(folder: Path) -> tuple[Path, Callable[[], object]]:
    place = written(folder)
    return place, ServerSettings(folder, federation_secret_file=place).federation_secret


def of_the_provider(folder: Path) -> tuple[Path, Callable[[], object]]:
    place = written(folder)
    return place, ProviderSettings("https://login.example", "loopin", place).secret


def of_the_database(folder: Path) -> tuple[Path, Callable[[], object]]:
    place = written(folder)
    return place, lambda: resolve_database_url(None, place)


def of_tls(folder: Path) -> tuple[Path, Callable[[], object]]:
    cert, key = certificate().files(folder / "tls")
    return key, lambda: Certificate(cert, key)


def written(folder: Path) -> Path:
    (folder / "secret").write_text(SECRET)
    return folder / "secret"


FILES = [of_the_ring, of_federation, of_the_provider, of_the_database, of_tls]


@pytest.mark.parametrize("kind", FILES)
def test_a_file_with_a_secret_is_for_its_owner_and_its_group(
    tmp_path: Path, kind: Callable[[Path], tuple[Path, Callable[[], object]]]
) -> None:
    place, read_ring = kind(tmp_path)
    for mode in (0o400, 0o440, 0o600, 0o640):
        place.chmod(mode)
        read_ring()
    for mode in (0o444, 0o604, 0o644, 0o602, 0o601):
        place.chmod(mode)
        with pytest.raises(Failed, match=r" in .* can be read by others") as told:
            read_ring()
        assert told.value.hint == f"run chmod o= {place}"
    place.unlink()
    with pytest.raises(LoopinError) as missing:
        read_ring()
    assert isinstance(missing.value, Failed | UsageError)
