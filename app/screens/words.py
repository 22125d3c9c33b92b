"""Sentences out of errors."""

from textual.content import Content

from app.domain.errors import LoopinError
from app.domain.text import capital, clean


def sentence(error: LoopinError) -> str:
    """What happened and the next step, as one cleaned text."""
    if not error.hint:
        return clean(error.message)
    return f"{clean(error.message)}. {clean(capital(error.hint))}"


def reason(error: LoopinError | None) -> Content:
    """For under a form or a list of steps: ✗ and the message, the next step below."""
    if error is None:
        return Content("")
    hint = f"\n  {clean(capital(error.hint))}" if error.hint else ""
    return Content.assemble((f"✗ {clean(error.message)}", "bold $text-error"), hint)
