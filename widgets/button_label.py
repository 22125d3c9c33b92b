"""A button that gets another label."""

from textual.widgets import Button


def relabel(button: Button, label: str) -> None:
    """Give `button` another label, and the width for it: Textual measures the first one alone."""
    if str(button.label) != label:
        button.label = label
        button.refresh(layout=True)
