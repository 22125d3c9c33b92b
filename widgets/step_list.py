"""The steps of a sign-in, as they happen."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from textual.content import Content
from textual.reactive import reactive

from app.domain.login import LoginStep, Step, StepState
from widgets.presenter import clean
from widgets.virtual_table_columns import fit
from widgets.wrapped_text import Lines, Part

_GLYPHS = {
    StepState.DONE: ("✓", "$text-success"),
    StepState.RUNNING: ("◐", "$text-warning"),
    StepState.SKIPPED: ("–", "$text-muted"),
    StepState.FAILED: ("✗", "$text-error"),
}
_TITLE, _TITLE_NARROW, _WIDE = 34, 22, 100
_SECONDS = 8
_BAR = 20


class StepList(Lines):
    """One line for each step that has begun; the steps to come are on the last line."""

    plan: reactive[tuple[Step, ...]] = reactive((), layout=True)
    """The steps that the sign-in goes through, in order."""
    happened: reactive[Mapping[Step, LoginStep]] = reactive({}, layout=True)
    """The latest report of each step that has begun."""
    now: reactive[datetime | None] = reactive[datetime | None](None)
    """For the countdown."""
    patience: reactive[timedelta] = reactive(timedelta(seconds=300))
    """The start of the countdown."""

    def lines(self, width: int) -> Sequence[Content]:
        lines = [line for step in self.happened.values() for line in self._line(step, width)]
        ahead = [step for step in self.plan if step not in self.happened]
        return [*lines, *(_ahead(ahead, width) if ahead else ())]

    def _line(self, step: LoginStep, width: int) -> list[Content]:
        glyph, style = _GLYPHS[step.state]
        running = step.state is StepState.RUNNING
        column = _TITLE if width >= _WIDE else _TITLE_NARROW
        named = f"{step.step.value}  ".ljust(column)
        title = f" {named}"
        parts: list[Part] = [(glyph, style), (title, "bold" if running else "")]
        if running and step.step is Step.WAITING and step.deadline is not None and self.now is not None:
            return self._countdown(parts, step, step.deadline - self.now)
        width_left = max(10, width - len(named) - 2 - _SECONDS)
        failed = step.state is StepState.FAILED
        # Why it failed stands under the list, where there is width_left for all of it.
        detail = "failed" if failed else clean(step.detail)
        parts.append((fit(detail, width_left), style if failed else "$text-muted"))
        if step.state is StepState.DONE:
            parts.append((f"{step.seconds:.2f} s".rjust(_SECONDS), "$text-muted"))
        return [Content.assemble(*parts)]

    def _countdown(self, head: Sequence[Part], step: LoginStep, left: timedelta) -> list[Content]:
        seconds = max(0, int(left.total_seconds()))
        full = round(_BAR * min(1.0, left / self.patience)) if left > timedelta(0) else 0
        bar = [("▓" * full, "$primary"), ("░" * (_BAR - full), "$text-disabled")]
        line = Content.assemble(*head, f"{seconds // 60}:{seconds % 60:02d} left  ", *bar)
        if not step.detail:
            return [line]
        return [line, Content.assemble((f"  ! {clean(step.detail)}", "$text-warning"))]


def _ahead(steps: Sequence[Step], width: int) -> list[Content]:
    """The steps to come, on as few lines as they need; a title is never broken."""
    lines, line = [], ""
    for step in steps:
        title = f"○ {step.value}"
        joined = f"{line} · {title}" if line else title
        if len(joined) > width:
            lines.append(line)
            joined = title
        line = joined
    return [Content.assemble((text, "$text-muted")) for text in [*lines, line]]
