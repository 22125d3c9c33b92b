#!/usr/bin/env python3
"""Find clock reads that happen at import or at collection: scripts/lint_clock.py [FOLDER ...]

A time that is computed when a module is imported is old when it is used: in a test that runs half an hour
after its collection, and in an app that stays open. So no module level, class body, decorator or default
argument may read the clock, directly or through a function of this repository. What runs later, in a
function body or a lambda, may.

Exit status 1 when there is one. Calls of methods are not followed.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("app", "widgets", "tests", "scripts")
CLOCK = {
    *(f"time.{name}" for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter")),
    *(f"time.{name}" for name in ("gmtime", "localtime", "ctime", "strftime")),
    *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
    "datetime.date.today",
}
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass
class Module:
    """One source file: what its names stand for, and what each of its functions calls."""

    name: str
    path: Path
    tree: ast.Module
    names: dict[str, str] = field(default_factory=dict)
    calls: dict[str, set[str]] = field(default_factory=dict)

    def target(self, call: ast.Call) -> str:
        """Return the dotted name of what is called, as far as the imports tell; else an empty string."""
        parts: list[str] = []
        node: ast.expr = call.func
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.names.get(node.id, node.id), *reversed(parts)])


def read_module(path: Path, root: Path) -> Module:
    """Parse a file and note its imports and functions."""
    name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    module = Module(name, path, ast.parse(path.read_text(encoding="utf-8")))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                module.names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                module.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    functions = [node for node in module.tree.body if isinstance(node, ast.FunctionDef)]
    module.names.update({function.name: f"{name}.{function.name}" for function in functions})
    for function in functions:
        module.calls[f"{name}.{function.name}"] = {
            module.target(node) for node in ast.walk(function) if isinstance(node, ast.Call)
        }
    return module


def evaluated_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when the module does: of a function its decorators and defaults only."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
        return
    if isinstance(node, _Function):
        defaults = [*node.args.defaults, *(default for default in node.args.kw_defaults if default)]
        for part in [*getattr(node, "decorator_list", []), *defaults]:
            yield from evaluated_at_import(part)
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from evaluated_at_import(child)


def clock_reads(files: list[Path], root: Path = ROOT) -> list[str]:
    """Return "path:line: what" for every clock read at import in these files."""
    modules = [read_module(path, root) for path in files]
    calls = {name: called for module in modules for name, called in module.calls.items()}
    reads = set(CLOCK)
    while more := {name for name, called in calls.items() if called & reads} - reads:
        reads |= more
    return [
        f"{module.path.relative_to(root)}:{node.lineno}: {ast.unparse(node)} reads the clock at import"
        for module in modules
        for node in evaluated_at_import(module.tree)
        if isinstance(node, ast.Call) and module.target(node) in reads
    ]


def main(folders: list[str]) -> int:
    """The command line."""
    files = [path for folder in folders or FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    problems = clock_reads(files)
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
