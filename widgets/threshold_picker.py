"""How many days: a switch, a few usual numbers, and a field for any other."""

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, Static

from app.domain.inactivity import MAX_DAYS
from widgets.choice_bar import ChoiceBar
from widgets.containers import Horizontal, Vertical

PRESETS = (30, 60, 90, 180, 365)
DEFAULT = 90
"""Days when it is switched on and nothing else was chosen before."""


class ThresholdPicker(Vertical):
    """Switch, presets and field always say the same; whichever is used, the others follow."""

    DEFAULT_CSS = """
    ThresholdPicker {
        height: auto;
        & > Horizontal { height: auto; }
        & .label { width: 14; color: $text-muted; }
        & #threshold-presets { width: 30; }
        & #threshold-or { width: auto; color: $text-muted; }
        & Input { width: 7; margin: 0 1; }
        & Input.-invalid { color: $text-error; }
        & #threshold-unit { width: 1fr; color: $text-muted; }
        & #threshold-unit.-wrong { color: $text-error; }
    }
    """

    days: reactive[int | None] = reactive[int | None](0, init=False)
    """What is chosen, 0 = off; None when what is typed is no threshold."""

    class Changed(Message):
        """Another threshold is chosen."""

        def __init__(self, days: int | None) -> None:
            super().__init__()
            self.days = days

    class Submitted(Message):
        """Enter was pressed in the field."""

    def __init__(self) -> None:
        super().__init__()
        self._before_off = DEFAULT
        self._switch = ChoiceBar(("○ off", "● on"), id="threshold-switch")
        self._presets = ChoiceBar([str(preset) for preset in PRESETS], id="threshold-presets")
        self._input = Input(type="integer", valid_empty=True, max_length=3, compact=True)
        self._unit = Static("", id="threshold-unit", markup=False)

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("Auto-revoke", classes="label", markup=False)
            yield self._switch
        with Horizontal():
            yield Static("Threshold", classes="label", markup=False)
            yield self._presets
            yield Static("or type", id="threshold-or", markup=False)
            yield self._input
            yield self._unit

    def on_mount(self) -> None:
        self.watch_days(self.days)

    def focus_presets(self) -> None:
        """Focus the presets."""
        self._presets.focus()

    def switch(self) -> None:
        """Off, or on again as it was before."""
        self.days = 0 if self.days else self._before_off

    def step(self, by: int) -> None:
        """Move by days, as far as a threshold goes."""
        self.days = max(0, min(MAX_DAYS, (self.days or 0) + by))

    def watch_days(self, days: int | None) -> None:
        """Let switch, presets and input show the same, and post `Changed`."""
        if days:
            self._before_off = days
        self._switch.chosen = None if days is None else int(days > 0)
        self._presets.chosen = PRESETS.index(days) if days in PRESETS else None
        if _threshold(self._input.value) != days:
            with self.prevent(Input.Changed):
                self._input.value = "" if days is None else str(days)
        self._show_unit()
        self.post_message(self.Changed(days))

    def _show_unit(self) -> None:
        wrong = self.days is None and bool(self._input.value)
        self._unit.set_class(wrong, "-wrong")
        self._unit.update(f"✗ use 0–{MAX_DAYS}" if wrong else "days, 0 = off", layout=False)

    @on(ChoiceBar.Changed, "#threshold-switch")
    def _switched(self, event: ChoiceBar.Changed) -> None:
        event.stop()
        self.days = self._before_off if event.index else 0

    @on(ChoiceBar.Changed, "#threshold-presets")
    def _preset(self, event: ChoiceBar.Changed) -> None:
        event.stop()
        self.days = PRESETS[event.index]

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.days = _threshold(event.value)
        self._show_unit()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())


def _threshold(typed: str) -> int | None:
    return int(typed) if typed.isdecimal() and int(typed) <= MAX_DAYS else None
