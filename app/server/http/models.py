"""The models that the sample API lists, in groups as the vendor shows them."""

from typing import Any


def _group(label: str, *options: tuple[str, str]) -> dict[str, Any]:
    listed = [{"value": value, "label": name, "status": "available"} for value, name in options]
    return {"groupLabel": label, "options": listed}


MODEL_GROUPS: list[dict[str, Any]] = [
    _group("Recommended", ("auto", "Auto-select"), ("sample-balanced", "Sample Balanced")),
    _group("Fast", ("sample-mini", "Sample Mini"), ("sample-mini-long", "Sample Mini, long context")),
    _group("Thorough", ("sample-large", "Sample Large"), ("sample-reasoning", "Sample Reasoning")),
]
