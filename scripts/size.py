#!/usr/bin/env python3
"""Measure the size of the program beside its targets: app/ and widgets/ without generated code.

scripts/size.py [--names]: one figure a line; --names adds the modules and the names that are counted.
`scripts/check --size` prints the same. Nothing is enforced.
"""

import argparse
import ast
import importlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app", "widgets")
TARGETS = {
    "lines": 28_000,
    "lines of app/server": 6_000,
    "modules": 230,
    "modules imported from one place": 50,
    "private names of dependencies": 8,
    "imports inside functions": 90,
    "methods called do": 0,
    "calls of query_one": 90,
}
PUBLIC = frozenset({"_asdict", "_exit", "_fields", "_make", "_missing_", "_replace"})
"""Names with an underscore that the standard library documents; so is the module `_typeshed`."""


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    text: str
    is_package: bool = False

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of its syntax tree."""
        return list(ast.walk(ast.parse(self.text)))

    @property
    def lines(self) -> int:
        """All lines, empty ones and comments too."""
        return len(self.text.splitlines())


def read_modules(root: Path = ROOT) -> dict[str, Module]:
    """The modules by their dotted names."""
    modules = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            if "_pb2" not in path.name:
                name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
                text = path.read_text(encoding="utf-8")
                modules[name] = Module(name, text, path.name == "__init__.py")
    return modules


def imported_names(module: Module) -> Iterator[str]:
    """What a module imports, and what its strings name for an import: `app.cli.status:status`."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.partition(":")[0]


def importers(modules: Mapping[str, Module]) -> dict[str, set[str]]:
    """By module: the other modules that import it."""
    users: dict[str, set[str]] = defaultdict(set)
    for module in modules.values():
        for name in set(imported_names(module)) & modules.keys() - {module.name}:
            users[name].add(module.name)
    return users


def imported_once(modules: Mapping[str, Module]) -> list[str]:
    """The modules that only one other module imports; packages are left out."""
    return sorted(
        name for name, users in importers(modules).items() if len(users) == 1 and not modules[name].is_package
    )


def function_imports(module: Module) -> int:
    """The import statements inside functions."""
    functions = (node for node in module.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    imports = {
        id(node)
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    return len(imports)


def methods_called(module: Module, name: str) -> int:
    """The methods with this name."""
    return sum(
        isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name == name
        for node in module.nodes
        if isinstance(node, ast.ClassDef)
        for item in node.body
    )


def calls_of(module: Module, name: str) -> int:
    """The calls of a method with this name."""
    return sum(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
        for node in module.nodes
    )


def private_names(modules: Mapping[str, Module]) -> list[str]:
    """The private names of other packages in use, each as `module: name`.

    They are read (`x._name` where nothing of ours has that name), imported, or overridden in a class whose
    base has them.
    """
    own = {name for module in modules.values() for name in _defined(module)}
    used = set()
    for module in modules.values():
        used |= {f"{module.name}: {name}" for name in _read(module, own) | _imported(module)}
        used |= {f"{module.name}: {name}" for name in _overridden(module)}
    return sorted(used)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_" and name not in PUBLIC


def _defined(module: Module) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr


def _read(module: Module, own: set[str]) -> set[str]:
    return {
        node.attr
        for node in module.nodes
        if isinstance(node, ast.Attribute) and _is_private(node.attr) and node.attr not in own
    }


def _imported(module: Module) -> set[str]:
    return {
        name
        for node in module.nodes
        if isinstance(node, ast.ImportFrom) and not _is_own(node.module or "")
        if not (node.module or "").startswith("_typeshed")
        for name in (f"{node.module}.{alias.name}" for alias in node.names)
        if any(map(_is_private, name.split(".")))
    }


def _is_own(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES


def _overridden(module: Module) -> set[str]:
    """Private methods and attributes of classes whose direct base comes from another package and has them."""
    origin = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in module.nodes
        if isinstance(node, ast.ImportFrom) and not _is_own(node.module or "")
        for alias in node.names
    }
    names = set()
    for node in module.nodes:
        if isinstance(node, ast.ClassDef):
            private = {name for item in node.body for name in _named(item) if _is_private(name)}
            bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id in origin]
            for base in bases if private else ():
                names |= {name for name in private if hasattr(_load(*origin[base]), name)}
    return names


def _named(item: ast.stmt) -> Iterator[str]:
    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
        yield item.name
    for node in ast.walk(item):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            yield node.attr


def _load(module: str, name: str) -> object:
    return getattr(importlib.import_module(module), name, None)


def measure(modules: Mapping[str, Module]) -> dict[str, int]:
    """The figures, by the names of TARGETS."""
    every = modules.values()
    return {
        "lines": sum(module.lines for module in every),
        "lines of app/server": sum(m.lines for m in every if m.name.startswith("app.server")),
        "modules": sum(not module.is_package for module in every),
        "modules imported from one place": len(imported_once(modules)),
        "private names of dependencies": len(private_names(modules)),
        "imports inside functions": sum(map(function_imports, every)),
        "methods called do": sum(methods_called(module, "do") for module in every),
        "calls of query_one": sum(calls_of(module, "query_one") for module in every),
    }


def print_sizes(*, names: bool = False) -> None:
    """Print each figure and its target; with `names` also what is counted."""
    modules = read_modules()
    for what, count in measure(modules).items():
        print(f"{what:<34}{count:>8,}   target {TARGETS[what]:,}")
    if names:
        print("", "Imported from one place:", *imported_once(modules), sep="\n")
        print("", "Private names:", *private_names(modules), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the size of app/ and widgets/.")
    parser.add_argument("--names", action="store_true", help="print what is counted by name, too")
    print_sizes(names=parser.parse_args().names)
