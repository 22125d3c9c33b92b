"""The top bar: tabs, organization, identity and the time until the session ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from textual.reactive import reactive

from widgets.links import ActionLine, TextPart, width_of
from widgets.presenter import clean

WARNING_AT = timedelta(minutes=15)
_LONGEST, _SHORTEST = 40, 16
"""Cells of the organization's name: as a rule, and where nothing else fits."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab: its key, its title, the action that opens it."""

    key: str
    title: str
    action: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class Whoami:
    """Who is signed in. `role` is empty under an API token, `name` when nobody is."""

    name: str = ""
    role: str = ""
    organization: str = ""
    expires_at: datetime | None = None
    read_only: str = ""


class TopBar(ActionLine):
    """In a narrow terminal the identity is dropped first, then the clock, the name, and the titles of other
    tabs."""

    DEFAULT_CSS = """
    TopBar { dock: top; background: $panel; color: $text; padding: 0 1; }
    """

    tabs: reactive[tuple[Tab, ...]] = reactive(())
    """The tabs."""
    who: reactive[Whoami] = reactive(Whoami())
    """Who is signed in."""
    now: reactive[datetime | None] = reactive[datetime | None](None)
    """The moment against which the session's end is shown."""
    demo: reactive[bool] = reactive(False)
    """True under the demo."""
    locked: reactive[bool] = reactive(False)
    """True in read-only mode."""

    def parts(self, width: int) -> tuple[Sequence[TextPart], Sequence[TextPart]]:
        clock, badge, read_only = self._clock(), self._badge(), self._read_only()
        organization = self._organization(_LONGEST)
        whole = self._brand() + self._tabs(words=True)
        long, short = self._tabs(words=True), self._tabs(words=False)
        variants = (
            (whole, [*organization, *self._identity(), *clock, *badge]),
            (whole, [*organization, *read_only, *clock, *badge]),
            (whole, [*organization, *read_only, *badge]),
            (long, [*organization, *read_only, *badge]),
            (short, [*organization, *read_only, *badge]),
            (short, [*self._organization(_SHORTEST), *badge]),
        )
        for left, right in variants:
            if width_of(left) + width_of(right) <= width:
                return left, right
        return short, badge

    def _brand(self) -> list[TextPart]:
        return [TextPart("loopin ", "bold $primary", "app.switch_mode('accounts')")]

    def _tabs(self, *, words: bool) -> list[TextPart]:
        parts: list[TextPart] = []
        for tab in self.tabs:
            words_too = words or tab.current
            text = f" {tab.key} {tab.title} " if words_too else f" {tab.key} "
            style = "bold $block-cursor-foreground on $block-cursor-background" if tab.current else ""
            parts.append(TextPart(text, style, tab.action))
        return parts

    def _organization(self, most: int) -> list[TextPart]:
        if not self.who.organization:
            return []
        return [TextPart(f"  {clean(self.who.organization, most)} ▾", "bold", "app.organization")]

    def _identity(self) -> list[TextPart]:
        who = self.who
        if who.read_only:
            return [TextPart(f"  {clean(who.read_only, 80)}", "$text-warning")]
        role = f" · {who.role}" if who.role else ""
        return [TextPart(f"  {clean(who.name, 60)}{role}", "$text-muted")] if who.name else []

    def _read_only(self) -> list[TextPart]:
        return [TextPart("  read-only", "$text-warning")] if self.who.read_only else []

    def _clock(self) -> list[TextPart]:
        if self.who.expires_at is None or self.now is None:
            return []
        left = self.who.expires_at - self.now
        words, style = life(left), "$text-muted"
        if left < WARNING_AT:
            words, style = f"{words} !", "bold $text-warning"
        return [TextPart(f"   ◷ {words}", style)]

    def _badge(self) -> list[TextPart]:
        words = [word for word, on in (("READ-ONLY", self.locked), ("DEMO", self.demo)) if on]
        return [
            p for w in words for p in (TextPart("  "), TextPart(f" {w} ", "bold $background on $warning"))
        ]


def life(left: timedelta) -> str:
    """How long a session goes on: "23 h 12 m", "6 d 4 h", "12 m", "ended"."""
    minutes = int(left.total_seconds() // 60)
    if minutes < 0:
        return "ended"
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} m" if hours else f"{minutes} m"
