"""What holds for the whole repository: the README's drawing, layers, imports, make targets."""

from __future__ import annotations

import ast
import fnmatch
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from ir_tools.process import run_tool

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("agent", "anghabench", "envs", "ir_tools")


def modules() -> list[Path]:
    """The packages' Python files, relative to the root."""
    return sorted(p.relative_to(ROOT) for name in PACKAGES for p in (ROOT / name).rglob("*.py"))


_DEPTH = 3  # parts of a path that the README names


def readme_tree() -> set[str]:
    """The paths in the README's annotated tree.

    It is the first fenced block under `## Layout`: an entry a line, its name first, indented below
    its folder; what follows the name is for the reader.
    """
    section = (ROOT / "README.md").read_text().partition("\n## Layout\n")[2].partition("\n## ")[0]
    block = re.search(r"^```\w*\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    assert block, "README.md has no fenced block under '## Layout'"
    return set(_entries(block[1].splitlines()))


def _entries(lines: list[str]) -> Iterator[str]:
    folders: list[tuple[int, str]] = []
    for line in filter(str.strip, lines):
        indentation = len(line) - len(line.lstrip(" │├└─"))
        while folders and folders[-1][0] >= indentation:
            folders.pop()
        name = line[indentation:].split()[0].rstrip("/")
        path = f"{folders[-1][1]}/{name}" if folders else name
        folders.append((indentation, path))
        yield path


def top_level() -> set[str]:
    """What a listing of the root shows, without what git ignores."""
    ignored = [pattern.strip("/") for pattern in (ROOT / ".gitignore").read_text().split()]
    names = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    return {name for name in names if not any(fnmatch.fnmatch(name, one) for one in ignored)}


def test_the_readmes_tree_names_only_what_exists() -> None:
    assert [path for path in sorted(readme_tree()) if not (ROOT / path).exists()] == []


def test_the_readmes_tree_names_every_module_and_top_level_entry() -> None:
    """Of packages within packages within packages, their own docstrings name the modules."""
    listed, inner = readme_tree(), set()
    for path in (path for path in modules() if path.name != "__init__.py"):
        if len(path.parts) <= _DEPTH:
            inner.add(str(path))
            continue
        inner.add(str(path.parent))
        about = ast.get_docstring(ast.parse((ROOT / path.parent / "__init__.py").read_text())) or ""
        assert re.search(rf"^{re.escape(path.name)} ", about, re.MULTILINE), path
    assert sorted((top_level() | inner) - listed) == []


def test_the_top_level_is_one_glance() -> None:
    assert len(top_level()) <= 15


_IMPORT_ALL = """
import ctypes, importlib, sys

load = ctypes.CDLL

def no_llvm(name, *arguments, **options):
    assert "libLLVM" not in str(name), "libLLVM is loaded at import"
    return load(name, *arguments, **options)

ctypes.CDLL = no_llvm
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_every_module_imports_without_llvm_and_without_a_word() -> None:
    names = [".".join(p.with_suffix("").parts).removesuffix(".__init__") for p in modules()]
    result = run_tool([sys.executable, "-c", _IMPORT_ALL, *names], timeout_s=60, cwd=ROOT)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_each_package_imports_only_those_below_it() -> None:
    lint_imports = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert lint_imports, "run 'make setup'"
    result = run_tool([lint_imports, "--no-cache"], timeout_s=60, cwd=ROOT)
    assert result.returncode == 0, result.stdout.decode()


def test_one_module_starts_processes() -> None:
    doors = {"ir_tools/process.py"}
    assert {str(path) for path in modules() if "subprocess" in _imports(ROOT / path)} == doors


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_make_help_lists_every_target() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    shown = run_tool(["make", "--no-print-directory", "help"], timeout_s=20, cwd=ROOT).check()
    lines = [line.split(maxsplit=2) for line in shown.stdout.decode().splitlines()]
    assert [target for _make, target, _purpose in lines] == targets
