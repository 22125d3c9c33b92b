"""The pictures of the README: there, described, and in the order of a first visit."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)#]+)\)")
VISIT = (
    "accounts-first-start", "login", "login-progress", "login-signed-in", "tokens", "create", "reveal",
    "revoke-many", "auto-revoke",
)  # fmt: skip


def test_every_picture_is_there_and_says_in_words_what_it_shows() -> None:
    images = IMAGE.findall(README)
    assert images
    assert [file for _, file in images if not (ROOT / file).is_file()] == []
    assert [file for words, file in images if len(words.split()) < 5] == []


def test_they_come_in_the_order_of_a_first_visit() -> None:
    shown = [Path(file).name.partition(".")[0] for _, file in IMAGE.findall(README)]
    assert [name for name in shown if name in VISIT] == list(VISIT)


def test_what_it_links_to_is_there() -> None:
    assert [target for target in LINK.findall(README) if not (ROOT / target).exists()] == []
