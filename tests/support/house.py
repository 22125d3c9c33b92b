"""A machine of one's own to search afterwards: every file, everything printed, every argument of a child."""

import base64
import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.cli import Result, in_process, ran
from tests.support.server import ROOT

DOORMAN = f"{sys.executable} {ROOT / 'tests' / 'support' / 'doorman.py'}"
_OFTEN = 0.02
_listeners: list[set[str]] = []
"""Each gets the arguments of every program that this process starts."""


def _hear(event: str, details: tuple[Any, ...]) -> None:
    if _listeners and event == "subprocess.Popen":
        program, words, *_ = details
        given = " ".join(os.fsdecode(word) for word in (program, *words))
        for listener in _listeners:
            listener.add(given)


# An audit hook stays as long as the process.
sys.addaudithook(_hear)


def traces(secret: str) -> Iterator[str]:
    """The forms in which a secret could be lying about."""
    yield secret
    yield quote(secret, safe="")
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    yield secret.encode().hex()
    # Of a JWT, the signature alone is what nobody else can make.
    parts = secret.split(".")
    if len(parts) == 3:
        yield parts[1]
        yield parts[2]


@dataclass
class House:
    """`inside` is everything that Loopin may write to; `notes` is ours, and not searched."""

    inside: Path
    notes: Path
    environment: dict[str, str]
    said: list[tuple[str, str]] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    arguments: set[str] = field(default_factory=set)
    folder_of_work: Path = field(init=False)

    def __post_init__(self) -> None:
        for name in ("home", "tmp", "work"):
            (self.inside / name).mkdir(parents=True)
        self.notes.mkdir()
        self.folder_of_work = self.inside / "work"

    def variables(self, **more: str) -> dict[str, str]:
        """What a process in this house starts with."""
        places = {
            "HOME": str(self.inside / "home"),
            "TMPDIR": str(self.inside / "tmp"),
            "LOOPIN_CONFIG_DIR": str(self.inside / "config"),
            "LOOPIN_STATE_DIR": str(self.inside / "state"),
            "PYTHONPATH": str(ROOT),
            "DOORMAN": str(self.notes),
            "BROWSER": DOORMAN,
        }
        return {k: v for k, v in {**os.environ, **places, **self.environment, **more}.items() if v}

    def loopin(self, *arguments: str, stdin: str | None = None, shown: bool = False, **more: str) -> Result:
        """Run a command in this process; `shown` means that its output is a place for the secret."""
        variables = self.variables(**more)
        result = in_process(arguments, variables, cwd=self.folder_of_work, stdin=stdin or "")
        self.arguments.add(" ".join(arguments))
        # The next run in this second would give its log the same name.
        for log in (self.inside / "state").glob("debug-*.log"):
            log.rename(log.with_name(f"{len(self.said)}-{log.name}"))
        return self._heard(arguments, result, shown)

    def process(self, *arguments: str, stdin: str | None = None, shown: bool = False, **more: str) -> Result:
        """The same with the real program, which everybody on this machine can see running."""
        command = [sys.executable, "-m", "app", *arguments]
        result = ran(command, self.variables(**more), cwd=self.folder_of_work, stdin=stdin)
        return self._heard(arguments, result, shown)

    def _heard(self, arguments: tuple[str, ...], result: Result, shown: bool) -> Result:
        self.said.append((" ".join(arguments), result.err if shown else result.out + result.err))
        return result

    def mark(self, *secrets: str) -> None:
        """From here on these are secrets."""
        self.secrets.update(secret for secret in secrets if secret)

    def files(self) -> Iterator[Path]:
        """Everything that was written."""
        return (path for path in self.inside.rglob("*") if path.is_file())

    def visits(self) -> list[dict[str, dict[str, str]]]:
        """What the browser wrote down."""
        return [json.loads(path.read_text()) for path in sorted(self.notes.glob("visit-*.json"))]

    def found(self, extra: Iterable[tuple[str, str]] = ()) -> list[str]:
        """Where a secret was seen; which one is not said."""
        places = [(f"output of {what}", text) for what, text in self.said]
        places += [(f"file {path.relative_to(self.inside)}", _text(path)) for path in self.files()]
        places += [("arguments of a process", text) for text in self.arguments]
        for visit in self.visits():
            places += [(f"browser, {key}", json.dumps(visit[key])) for key in ("started", "ended")]
        looked_for = {trace for secret in self.secrets for trace in traces(secret)}
        return [place for place, text in (*places, *extra) if any(trace in text for trace in looked_for)]

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Meanwhile, write down the arguments of every process that this one or a descendant starts."""
        _listeners.append(self.arguments)
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(done,), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            _listeners.remove(self.arguments)

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(_OFTEN):
            self.arguments.update(_arguments_below(os.getpid()))


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("latin-1")
    except OSError:
        return ""


def _arguments_below(ancestor: int) -> Iterator[str]:
    """The arguments of each descendant; one that ends meanwhile has none."""
    for task in _listed(Path(f"/proc/{ancestor}/task")):
        with suppress(OSError):
            for pid in (task / "children").read_text().split():
                yield Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1")
                yield from _arguments_below(int(pid))


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
