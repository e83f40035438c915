"""Open and save recipes, and copy a run as a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

from psygnal import Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

from ...core.text import printable, printable_lines
from ...recipes.imports import recipe_imports
from ...recipes.recipe import Recipe
from ...recipes.script import python_script
from ..common.plain import confirm
from .panel import EditorPanel

MOST_MODULES = 8
"""Number of modules that are listed before a recipe is opened."""

RECIPES = "Recipes (*.toml);;All files (*)"


class RecipeController:
    """Controller of the recipe buttons below the editor.

    Parameters
    ----------
    panel : EditorPanel
        Has the buttons.
    recipe : callable
        Returns the recipe of the current choices. Raises ValueError if they have no text form.

    Attributes
    ----------
    opened : psygnal.Signal
        Emitted with a `Recipe` that was read. Its dataset may be missing.
    """

    opened = Signal(Recipe)

    def __init__(self, panel: EditorPanel, recipe: Callable[[], Recipe]) -> None:
        self._panel = panel
        self._recipe = recipe
        panel.open_wanted.connect(self._ask_open)
        panel.save_wanted.connect(self._ask_save)
        panel.copy_wanted.connect(self.copy)

    def open(self, path: str | Path) -> None:
        """Read a recipe. An invalid one shows a message and changes nothing.

        Asks first if it imports more than functions of this package and of scikit-image: that runs code.
        """
        try:
            imports = recipe_imports(path)
            if imports and not self._may_import(Path(path).name, imports):
                return
            recipe = Recipe.read(path, need_dataset=False)
        except (ValueError, OSError) as error:
            self._panel.say(str(error))
        else:
            self.opened.emit(recipe)

    def _may_import(self, name: str, imports: Mapping[str, str]) -> bool:
        lines = [f"{module}\nin {place}" for module, place in islice(imports.items(), MOST_MODULES)]
        if len(imports) > MOST_MODULES:
            lines.append(f"and {len(imports) - MOST_MODULES} more")
        modules = f"{len(imports)} modules" if len(imports) > 1 else "a module"
        return confirm(
            self._panel,
            f"Opening {printable(name)} runs the code of {modules}. Open it only if you trust its authors.",
            "\n\n".join(map(printable_lines, lines)),
            "Open",
        )

    def save(self, path: str | Path) -> None:
        """Save the current choices as a recipe, or show why they cannot be saved."""
        try:
            written = self._recipe().write(path)
        except (ValueError, OSError) as error:
            self._panel.say(str(error))
        else:
            self._panel.say(f"Saved. Without a window: napari-axiswise run {written.name}")

    def copy(self) -> None:
        """Copy the current choices as a script, or show why they cannot be copied."""
        try:
            script = python_script(self._recipe())
        except ValueError as error:
            self._panel.say(str(error))
            return
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(script)
            self._panel.say("Copied. Paste it into a file, and run it with Python.")

    def _ask_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self._panel, "Open the steps of a recipe", "", RECIPES)
        if path:
            self.open(path)

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self._panel, "Save a recipe", "recipe.toml", RECIPES)
        if path:
            self.save(path if Path(path).suffix else f"{path}.toml")
