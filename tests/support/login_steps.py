"""The steps of a sign-in, as a test has followed them."""

from collections import Counter
from collections.abc import Sequence

from app.domain.login import LoginStep, StepState


def marked_once(steps: Sequence[LoginStep]) -> list[LoginStep]:
    """Return `steps`; fail when one of them was ticked, skipped or crossed more than once."""
    marks = Counter(step.step for step in steps if step.state is not StepState.RUNNING)
    assert max(marks.values(), default=0) <= 1, marks
    return list(steps)
