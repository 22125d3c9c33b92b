"""The threshold in a filter, and what an export may hold."""

import json
import os
import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.system.processes import is_running
from app.domain import filter as filters
from app.domain.export import Format, render
from app.domain.filter import FilterProblem
from app.domain.token_row import build_row
from tests.support.hostile import unsafe
from tests.support.sample_tokens import NOW, tokens


def test_only_the_term_that_needs_the_threshold_asks_for_it() -> None:
    with pytest.raises(FilterProblem, match="threshold is not known") as caught:
        filters.parse("web  !status:AT-RISK", threshold_known=False)
    assert (caught.value.term, caught.value.start) == ("!status:AT-RISK", 5)
    assert filters.parse("status:expiring idle>3d never", threshold_known=False)
    assert filters.parse("status:at-risk")


@given(st.text())
def test_an_export_keeps_the_name_and_holds_no_control_character(name: str) -> None:
    """JSON gives the name back as it is; the other two show it clean."""
    one = build_row(replace(tokens()[0], name=name), NOW, 90, timedelta(days=14))
    whole = render([one], Format.JSON, NOW, 90)
    assert unsafe(whole) == []
    assert json.loads(whole)["tokens"][0]["name"] == name
    for form in (Format.CSV, Format.MARKDOWN):
        assert unsafe(render([one], form, NOW, None)) == []


def test_a_process_that_ended_does_not_run() -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    assert not is_running(child.pid)
    assert is_running(os.getppid())
    assert not is_running(0)
