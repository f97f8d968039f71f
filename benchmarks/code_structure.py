"""The shape of the code in numbers: modules, lines, functions, and arrows between folders.

    python benchmarks/code_structure.py            # this checkout
    python benchmarks/code_structure.py FOLDER     # another checkout, to compare

A room is a folder of a package, or a module that lies in the package's root; an arrow is a pair of rooms of
which one imports the other.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("operator/collectiverun_operator", "trainer/collectiverun_trainer")


@dataclass(frozen=True)
class Module:
    """A file of Python, parsed."""

    path: Path
    lines: int
    tree: ast.Module

    @classmethod
    def read(cls, path: Path) -> Module:
        """Raises SyntaxError if it is no Python."""
        text = path.read_text()
        return cls(path, text.count("\n"), ast.parse(text))

    def function_lengths(self) -> Iterator[int]:
        """Lines of each function or method, its signature and docstring among them."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield (node.end_lineno or node.lineno) - node.lineno + 1

    def imports(self) -> Iterator[str]:
        """Dotted names of what it imports."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)


def modules(folder: Path) -> list[Module]:
    """Every module below a folder."""
    return [Module.read(path) for path in sorted(folder.rglob("*.py"))]


def room(package: Path, parts: tuple[str, ...]) -> str | None:
    """The room of a module given by its parts below the package; None if there is no such module."""
    if not parts:
        return None
    is_there = (package / parts[0]).is_dir() or (package / f"{parts[0]}.py").exists()
    return parts[0] if is_there else None


def arrows(package: Path, found: list[Module]) -> set[tuple[str, str]]:
    """Pairs of different rooms of which the first imports the second."""
    pairs = set()
    for module in found:
        own = room(package, module.path.relative_to(package).with_suffix("").parts)
        for name in module.imports():
            head, *rest = name.split(".")
            other = room(package, tuple(rest)) if head == package.name else None
            if own and other and own != other:
                pairs.add((own, other))
    return pairs


def describe(root: Path) -> None:
    """Print the figures of a checkout."""
    titles = ("modules", "lines", "in root", "rooms", "arrows", "median", "longest")
    print(f"{'package':26}" + "".join(f"{title:>8}" for title in titles))
    for name in PACKAGES:
        package = root / name
        found = modules(package)
        lengths = [length for module in found for length in module.function_lengths()]
        in_root = sum(module.path.parent == package for module in found)
        pairs = arrows(package, found)
        rooms = {end for pair in pairs for end in pair}
        numbers = (len(found), sum(module.lines for module in found), in_root, len(rooms), len(pairs))
        numbers = (*numbers, round(statistics.median(lengths)), max(lengths))
        print(f"{package.name:26}" + "".join(f"{number:>8}" for number in numbers))
    _describe_tests(root)


def _describe_tests(root: Path) -> None:
    files = sorted((root / "tests").rglob("*.py"))
    tests = [path for path in files if path.name.startswith("test_")]
    helpers = [path for path in files if path not in tests] + sorted((root / "testbed").rglob("*.py"))
    for title, paths in (("tests", tests), ("helpers of tests, testbed", helpers)):
        print(f"{title:26}{len(paths):>8}{sum(path.read_text().count(chr(10)) for path in paths):>8}")


if __name__ == "__main__":
    describe(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1])
