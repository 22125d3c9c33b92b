"""One place runs event loops: what a loop returns anywhere else, the standard library may format."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THE_PLACE = ROOT / "app" / "domain" / "event_loop.py"


def _runs_a_loop(call: ast.Call) -> bool:
    function = call.func
    if not isinstance(function, ast.Attribute):
        return isinstance(function, ast.Name) and function.id in {"Runner", "run_until_complete"}
    of_asyncio = isinstance(function.value, ast.Name) and function.value.id == "asyncio"
    return function.attr == "run_until_complete" or (of_asyncio and function.attr in {"run", "Runner"})


def _imports_one(node: ast.ImportFrom) -> bool:
    of_asyncio = node.module in {"asyncio", "asyncio.runners"}
    return of_asyncio and any(name.name in {"run", "Runner"} for name in node.names)


def _places(source: str) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Call) and _runs_a_loop(node))
        or (isinstance(node, ast.ImportFrom) and _imports_one(node))
    ]


def test_event_loops_are_run_in_one_place() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for folder in ("app", "widgets")
        for path in (ROOT / folder).rglob("*.py")
        if path != THE_PLACE and (lines := _places(path.read_text()))
    }
    assert found == {}
    assert len(_places(THE_PLACE.read_text())) == 1


def test_each_way_to_run_a_loop_is_found() -> None:
    ways = "asyncio.run(x)", "loop.run_until_complete(x)", "asyncio.Runner()", "from asyncio import run"
    assert [_places(way) for way in ways] == [[1]] * len(ways)
    assert _places("app.run()\nasyncio.run_coroutine_threadsafe(x, loop)") == []
