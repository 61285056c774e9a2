"""What stands in the source? Modules, their imports and the files of the project, without running any of it."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Module:
    """One source file, parsed."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def room(self) -> str:
        """The folder or module right under `torrent`, or "tui"."""
        parts = self.name.split(".")
        return "tui" if parts[0] == "tui" else (parts[1] if len(parts) > 1 else "")

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def relative(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Import:
    """`target` is the dotted module named; `lazy` when inside a function; `typing` when under TYPE_CHECKING."""

    target: str
    names: tuple[str, ...]
    line: int
    lazy: bool
    typing: bool


def modules() -> list[Module]:
    """Parse every file of `torrent` and `tui`."""
    found = []
    for top in ("torrent", "tui"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = list(path.relative_to(ROOT).with_suffix("").parts)
            if parts[-1] == "__init__":
                parts.pop()
            found.append(Module(".".join(parts), path, ast.parse(path.read_text(encoding="utf-8"), str(path))))
    return found


MODULES = modules()
NAMES = {module.name for module in MODULES}


def imports(module: Module) -> Iterator[Import]:
    """Yield every import statement of a module, relative ones made absolute."""

    def walk(node: ast.AST, lazy: bool, typing: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, (), child.lineno, lazy, typing)
            elif isinstance(child, ast.ImportFrom):
                yield Import(_absolute(module, child), tuple(a.name for a in child.names), child.lineno, lazy, typing)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                for part in child.body:
                    yield from walk(ast.Module([part], []), lazy, True)
                for part in child.orelse:
                    yield from walk(ast.Module([part], []), lazy, typing)
            else:
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from walk(child, lazy or inside, typing)

    yield from walk(module.tree, False, False)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    base = module.name.split(".")
    base = base[: len(base) - node.level + (1 if module.is_package else 0)]
    return ".".join([*base, *([node.module] if node.module else [])])


def ours(module: Module) -> Iterator[tuple[Import, str]]:
    """Yield each import of our own code with the module it reaches (`from torrent import text` is torrent.text)."""
    for found in imports(module):
        if found.target.split(".")[0] not in ("torrent", "tui"):
            continue
        deeper = [f"{found.target}.{name}" for name in found.names if f"{found.target}.{name}" in NAMES]
        for name in deeper:
            yield found, name
        if len(deeper) < len(found.names) or not found.names:
            yield found, found.target


def room_of(name: str) -> str:
    """Return the room a dotted name belongs to."""
    parts = name.split(".")
    return "tui" if parts[0] == "tui" else (parts[1] if len(parts) > 1 else "")


def exported(room: str) -> set[str]:
    """Return the names in `__all__` of a room's face."""
    for module in MODULES:
        if module.name != f"torrent.{room}":
            continue
        for node in module.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                return set(ast.literal_eval(node.value))
    return set()


def has_content(tree: ast.Module) -> bool:
    """Say whether a module defines anything: a face that only hands names on does not."""
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign)
        for node in tree.body
    )


def project_files() -> list[Path]:
    """Return the files of the project: what git knows or would add, else everything that is not hidden."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(argv, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*") if p.is_file()]
        listed = [name for name in listed if not any(part.startswith(".") for part in Path(name).parts)]
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]
