"""docs/server.md tells the operator of the server what it logs and counts, and which options it takes."""

import re
from itertools import chain

from app.cli.server_start import start
from app.server.core.monitoring import Metrics
from tests.support.server import ROOT

PAGES = [page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")]
PAGE = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
EVENT = re.compile(r'\b(?:event|failure)\(\s*"([a-z_.]+)"')
PERIODIC = re.compile(r'super\(\).__init__\("([a-z]+)"')
TOLD = re.compile(r"^\| (?:error|warning|info|debug) \|(.*)$", re.MULTILINE)


def test_every_event_of_the_log_is_on_the_page_and_no_other() -> None:
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "app" / "server").rglob("*.py")]
    written = set(chain.from_iterable(EVENT.findall(source) for source in sources))
    tasks = PERIODIC.findall((ROOT / "app" / "server" / "scheduler.py").read_text(encoding="utf-8"))
    written |= {f"{task}.{outcome}" for task in tasks for outcome in ("held", "failed")}
    told = {name for line in TOLD.findall(PAGE) for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", line)}
    assert told == written


def test_every_metric_is_on_the_page() -> None:
    samples = {line.split("{")[0].split(" ")[0] for line in Metrics().text().decode().splitlines()}
    names = {name.removeprefix("loopin_sweep_") for name in samples if name.startswith("loopin_sweep_")}
    assert {name for name in names if not name.endswith("_created") and f"`{name}`" not in PAGE} == set()


def test_every_option_of_the_server_is_on_some_page() -> None:
    options = {option for param in start.params for option in param.opts if option.startswith("--")}
    assert {option for option in options if not any(option in page for page in PAGES)} == set()
