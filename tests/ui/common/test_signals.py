"""Models and controllers use psygnal's signals; only widgets have signals of Qt."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import napari_axiswise

UI = Path(napari_axiswise.__file__).parent / "ui"


def owners_of_qt_signals(tree: ast.Module) -> Iterator[str]:
    """Yield the classes of a module that have signals of Qt, but are no widgets by the names of their bases."""
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    if not any(node.module == "qtpy.QtCore" and "Signal" in {n.name for n in node.names} for node in imports):
        return
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} <= {"QObject"}:
            values = [item.value for item in node.body if isinstance(item, ast.Assign)]
            if any(isinstance(v, ast.Call) and ast.unparse(v.func) == "Signal" for v in values):
                yield node.name


def test_only_widgets_have_signals_of_qt() -> None:
    found = {
        path.name: list(owners_of_qt_signals(ast.parse(path.read_text("utf-8")))) for path in UI.rglob("*.py")
    }
    assert {name: owners for name, owners in found.items() if owners} == {}


def test_the_check_finds_them() -> None:
    imports = "from qtpy.QtCore import QObject, Signal"
    classes = "class A(QObject):\n    a = Signal()\nclass B(QWidget):\n    b = Signal()"
    assert list(owners_of_qt_signals(ast.parse(f"{imports}\n{classes}"))) == ["A"]
