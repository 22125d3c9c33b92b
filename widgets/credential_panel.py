"""Which credential is in effect, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive

from app.domain.credentials import Source
from app.domain.errors import VaultError
from widgets.presenter import clean
from widgets.wrapped_text import Lines, hang, pad

if TYPE_CHECKING:
    # The first frame waits for none of these values.
    from app.domain.credentials import Candidate
    from app.domain.status import ProviderStatus


class CredentialPanel(Lines):
    """One line a source, the strongest first; warnings below.

    With `brief`, sources that hold nothing share one line.
    """

    statuses: reactive[tuple[ProviderStatus, ...]] = reactive((), layout=True)
    """The providers as they are now."""

    def __init__(self, *, brief: bool = False) -> None:
        super().__init__()
        self._brief = brief

    def lines(self, width: int) -> Sequence[Content]:
        shown = [c for status in self.statuses for c in self._shown(status)]
        column = max((cell_len(_source(c)) for c in shown), default=0)
        names = max((len(status.provider.title) for status in self.statuses), default=0)
        return [line for s in self.statuses for line in self._provider(s, names, column, width)]

    def _shown(self, status: ProviderStatus) -> Sequence[Candidate]:
        """What speaks for something: in effect, or there and ignored."""
        if not self._brief:
            return status.candidates
        return [c for c in status.candidates if c.found]

    def _provider(self, status: ProviderStatus, names: int, column: int, width: int) -> list[Content]:
        name = f"{status.provider.title.ljust(names)}  "
        shown, lines = self._shown(status), []
        for number, candidate in enumerate(shown):
            lines += _line(candidate, name if number == 0 else " " * len(name), column, width)
        if not shown:
            lines += hang([(name, "bold")], _nothing(status), width, "$text-muted")
        for warning in status.warnings:
            lines += hang([(f"{' ' * len(name)}! ", "$text-warning")], clean(warning), width, "$text-warning")
        return lines


def _nothing(status: ProviderStatus) -> str:
    if isinstance(status.error, VaultError):
        return clean(status.error.message)
    return "nothing: " + ", ".join(_absent(c) for c in status.candidates)


def _absent(candidate: Candidate) -> str:
    label, why = clean(candidate.label, 40), clean(candidate.reason)
    return f"{why} in the {label}" if candidate.source is Source.KEYCHAIN else f"{label} {why}"


def _line(candidate: Candidate, name: str, column: int, width: int) -> list[Content]:
    source = pad(_source(candidate), column)
    reason = clean(candidate.reason)
    if candidate.in_effect:
        return hang([(name, "bold"), (f"▸ {source}   ", "bold $text-success")], reason, width)
    return hang([(name, "bold"), (f"  {source}   ", "$text-muted")], reason, width, "$text-muted")


def _source(candidate: Candidate) -> str:
    method = f", {candidate.method.title}" if candidate.stored and candidate.method else ""
    hint = f"  {clean(candidate.hint)}" if candidate.hint else ""
    return f"{clean(candidate.label, 40)}{method}{hint}"
