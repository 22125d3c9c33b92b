"""Which credential is in effect, and why."""

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from app.domain.credentials import Candidate
from app.domain.status import ProviderStatus
from app.domain.text import clean


class CredentialPanel(Widget):
    """One line a source, the strongest first; warnings below."""

    DEFAULT_CSS = """
    CredentialPanel { height: auto; }
    """

    statuses: reactive[tuple[ProviderStatus, ...]] = reactive((), layout=True)
    """The providers as they are now."""

    def render(self) -> Content:
        candidates = [c for status in self.statuses for c in status.candidates]
        widest = max((len(_source(c)) for c in candidates), default=0)
        names = self._name_width()
        return Content("\n").join([line for s in self.statuses for line in _provider(s, names, widest)])

    def _name_width(self) -> int:
        return max((len(status.provider.title) for status in self.statuses), default=0)


def _provider(status: ProviderStatus, width: int, widest: int) -> list[Content]:
    names = [status.provider.title, *[""] * len(status.candidates)]
    lines = [_line(c, name.ljust(width), widest) for c, name in zip(status.candidates, names, strict=False)]
    if not lines:
        words = clean(status.error.message) if status.error else "no source of a credential"
        lines = [Content.assemble(f"{status.provider.title.ljust(width)}  ", (words, "$text-warning"))]
    return [*lines, *(Content.assemble((f"! {clean(w)}", "$text-warning")) for w in status.warnings)]


def _line(candidate: Candidate, name: str, widest: int) -> Content:
    source = _source(candidate).ljust(widest)
    if candidate.in_effect:
        return Content.assemble(
            (f"{name}  ", "bold"), (f"▸ {source}", "bold $text-success"), f"   {clean(candidate.reason)}"
        )
    return Content.assemble((f"{name}  ", "bold"), (f"  {source}   {clean(candidate.reason)}", "$text-muted"))


def _source(candidate: Candidate) -> str:
    method = (
        f", {candidate.method.title}" if candidate.method and candidate.label.startswith("keychain") else ""
    )
    hint = f"  {clean(candidate.hint)}" if candidate.hint else ""
    return f"{clean(candidate.label, 40)}{method if candidate.hint else ''}{hint}"
