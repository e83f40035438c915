"""Read the functions of a Python file without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..pipeline.docstrings import first_paragraph


@dataclass(frozen=True)
class WrittenFunction:
    """A public function as written in a file.

    Parameters
    ----------
    name : str
        Name of the function.
    parameters : tuple of (str, str)
        Names and annotations of its parameters. Annotations may be empty.
    returns : str
        Return annotation; empty if there is none.
    about : str
        The first paragraph of its docstring.
    deprecated : bool
        Whether a decorator marks it as deprecated.
    home : Path
        The file.
    """

    name: str
    parameters: tuple[tuple[str, str], ...]
    returns: str
    about: str
    deprecated: bool
    home: Path


def written_functions(path: Path) -> Iterator[WrittenFunction]:
    """Yield the public functions of a Python file in order; none if it is not valid Python.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    for node in _read_tree(path).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            arguments = [*node.args.posonlyargs, *node.args.args]
            yield WrittenFunction(
                name=node.name,
                parameters=tuple((one.arg, _text(one.annotation)) for one in arguments),
                returns=_text(node.returns),
                about=first_paragraph(ast.get_docstring(node) or ""),
                deprecated=any("deprecate_func" in ast.unparse(one) for one in node.decorator_list),
                home=path,
            )


def package_folder(package: str) -> Path | None:
    """Return the folder of a package, or None if it is not installed. Imports only its parent packages."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return None
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places))) if places else None


def reexported_functions(folder: Path) -> Iterator[WrittenFunction]:
    """Yield the functions that a package re-exports from its modules, as its stub or ``__init__.py`` says."""
    stub = folder / "__init__.pyi"
    yield from _imported_functions(stub if stub.is_file() else folder / "__init__.py")


def _imported_functions(path: Path, wanted: frozenset[str] | None = None) -> Iterator[WrittenFunction]:
    """Yield the functions that a file imports from files of its package, directly or through others."""
    for node in _read_tree(path).body:
        if not (isinstance(node, ast.ImportFrom) and node.level and node.module):
            continue
        module = path.parent.joinpath(*[".."] * (node.level - 1), *node.module.split(".")).with_suffix(".py")
        names = frozenset(one.name for one in node.names if one.asname in (None, one.name))
        names = names if wanted is None else names & wanted
        if names and module.is_file():
            defined = {
                function.name: function for function in written_functions(module) if function.name in names
            }
            yield from defined.values()
            yield from _imported_functions(module, names - defined.keys())


def _read_tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _text(annotation: ast.expr | None) -> str:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return "" if annotation is None else ast.unparse(annotation)
