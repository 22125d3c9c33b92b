"""The steps of a sign-in, as they happen."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from app.domain.login import LoginStep, Step, StepState
from app.domain.text import clean

_GLYPHS = {
    StepState.DONE: ("✓", "$text-success"),
    StepState.RUNNING: ("◐", "$text-warning"),
    StepState.SKIPPED: ("–", "$text-muted"),
    StepState.FAILED: ("✗", "$text-error"),
}
_TITLE = 34
_SECONDS = 8
_BAR = 20


class StepList(Widget):
    """One line a step that has begun; what is to come stands on the last line."""

    DEFAULT_CSS = """
    StepList { height: auto; }
    """

    plan: reactive[tuple[Step, ...]] = reactive((), layout=True)
    """The steps that the sign-in goes through, in order."""
    happened: reactive[Mapping[Step, LoginStep]] = reactive({}, layout=True)
    """The latest word on each step that has begun."""
    now: reactive[datetime | None] = reactive[datetime | None](None)
    """For the countdown."""
    patience: reactive[timedelta] = reactive(timedelta(seconds=300))
    """What the countdown began with."""

    def render(self) -> Content:
        width = self.size.width or 80
        lines = [self._line(step, width) for step in self.happened.values()]
        if ahead := [step for step in self.plan if step not in self.happened]:
            lines.append(_ahead(ahead, width))
        return Content("\n").join(lines)

    def _line(self, told: LoginStep, width: int) -> Content:
        glyph, style = _GLYPHS[told.state]
        running = told.state is StepState.RUNNING
        title = f" {told.step.value.ljust(_TITLE)}"
        parts: list[tuple[str, str] | str] = [(glyph, style), (title, "bold" if running else "")]
        if running and told.step is Step.WAITING and told.deadline is not None and self.now is not None:
            return Content.assemble(*parts, *self._countdown(told, told.deadline - self.now))
        room = max(10, width - _TITLE - 4 - _SECONDS)
        detail = clean(told.detail, room)
        parts.append((detail.ljust(room), style if told.state is StepState.FAILED else "$text-muted"))
        if told.state is StepState.DONE:
            parts.append((f"{told.seconds:.2f} s".rjust(_SECONDS), "$text-muted"))
        return Content.assemble(*parts)

    def _countdown(self, told: LoginStep, left: timedelta) -> list[tuple[str, str] | str]:
        seconds = max(0, int(left.total_seconds()))
        full = round(_BAR * min(1.0, left / self.patience)) if left > timedelta(0) else 0
        parts: list[tuple[str, str] | str] = [
            f"{seconds // 60}:{seconds % 60:02d} left  ",
            ("▓" * full, "$primary"),
            ("░" * (_BAR - full), "$text-disabled"),
        ]
        if told.detail:
            parts.append((f"\n  ! {clean(told.detail)}", "$text-warning"))
        return parts


def _ahead(steps: Sequence[Step], width: int) -> Content:
    """The steps to come, on as few lines as they need; a title is never broken."""
    lines, line = [], ""
    for step in steps:
        piece = f"○ {step.value}"
        joined = f"{line} · {piece}" if line else piece
        if len(joined) > width:
            lines.append(line)
            joined = piece
        line = joined
    return Content.assemble(("\n".join([*lines, line]), "$text-muted"))
