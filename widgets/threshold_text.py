"""What is said of a threshold, of another one, and of those that it takes."""

from textual.content import Content

from app.domain.inactivity import Fate
from app.domain.preview import Partition

_WORDS = {
    Fate.DUE: "due now",
    Fate.WITHIN_HOUR: "within the hour",
    Fate.WITHIN_WEEK: "more within 7 d",
    Fate.WITHIN_MONTH: "more within 30 d",
    Fate.SAFE: "safe",
}
_SHORT = {
    Fate.DUE: "due now",
    Fate.WITHIN_HOUR: "in 1 h",
    Fate.WITHIN_WEEK: "in 7 d",
    Fate.WITHIN_MONTH: "in 30 d",
    Fate.SAFE: "safe",
}
_STYLES = {
    Fate.DUE: "bold $text-error",
    Fate.WITHIN_HOUR: "bold $text-error",
    Fate.WITHIN_WEEK: "bold $text-warning",
    Fate.WITHIN_MONTH: "$text-warning",
    Fate.SAFE: "$text-success",
}


def days(number: int) -> str:
    """A threshold in words."""
    return "off" if not number else "1 day" if number == 1 else f"{number} days"


def partition_words(partition: Partition, *, narrow: bool = False) -> Content:
    """Who falls when; `narrow` fits into 66 cells."""
    if not partition.threshold:
        return Content.assemble(
            ("Off: ", "bold"), "no token is revoked by itself, however long it is unused."
        )
    parts: list[tuple[str, str]] = [(f"At {days(partition.threshold)}:  ", "bold")]
    for number, (fate, words) in enumerate((_SHORT if narrow else _WORDS).items()):
        count = partition.counts[fate]
        parts.append((" · " if number else "", "$text-disabled"))
        parts.append((f"{count:,}", _STYLES[fate] if count else "$text-disabled"))
        parts.append((f" {words}", "" if count else "$text-disabled"))
    return Content.assemble(*parts)


def change_words(saved: int, chosen: int) -> Content:
    """How the chosen threshold differs from the saved one; a lower one is flagged."""
    if chosen == saved:
        return Content.assemble((f"Saved: {days(saved)}.", "$text-muted"))
    text = f"Not saved yet: {days(saved)} → {days(chosen)}."
    if chosen and (not saved or chosen < saved):
        harsher = "Switched on" if not saved else "Lowered"
        return Content.assemble((f"▼ {text} {harsher}: tokens end sooner.", "bold $text-warning"))
    return Content.assemble((f"{text} Tokens live longer.", "$text-success"))
