"""How much of the threshold a token's idle time has used up."""

from textual.content import Content


def idle_bar(days: int, threshold: int, width: int) -> Content:
    """A bar of `width` cells: full at the threshold; red from there on, amber over three quarters."""
    share = min(days / threshold, 1.0)
    full = round(share * width)
    style = "$text-success" if share < 0.75 else "$text-warning" if share < 1 else "$text-error"
    return Content.assemble(("━" * full, style), ("─" * (width - full), "$text-disabled"))
