"""Plugins of napari: functions that they have for it, which run over a plate without knowing what a plate is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..pipeline.annotations import LAYER_TUPLE, is_array, kind_of, last_names
from .offer import Offer
from .source import WrittenFunction, package_folder, written_functions

if TYPE_CHECKING:
    from npe2 import PluginManager, PluginManifest

_OURS = ("napari", "napari-axiswise")
_WORTH_READING = re.compile(rb"napari\.(types|layers)|LayerDataTuple")
_FOR_TESTS = re.compile(r"_*tests?|conftest|test_.*")


def plugin_offers(manager: PluginManager | None = None) -> Iterator[Offer]:
    """Yield the functions of installed plugins, from their manifests and their files: none of them is imported.

    Parameters
    ----------
    manager : npe2.PluginManager, optional
        Left out, the one that napari uses. Where it knows of no plugin yet, it looks for them.

    Yields
    ------
    Offer
        For each command that is not a reader, a writer or sample data: widgets too, with the reason why they are no
        steps. Then for each other function in the plugin's files that takes and returns what napari has types for.
    """
    if manager is None:
        from npe2 import PluginManager

        manager = PluginManager.instance()
    if not len(manager):
        manager.discover()
    for manifest in manager.iter_manifests(disabled=False):
        if manifest.name not in _OURS:
            commands = list(_command_offers(manifest))
            yield from commands
            yield from _written_offers(manifest, commands)


def _command_offers(manifest: PluginManifest) -> Iterator[Offer]:
    contributions = manifest.contributions
    titles = {widget.command: widget.display_name for widget in contributions.widgets or ()}
    others = {
        one.command
        for one in (
            *(contributions.readers or ()),
            *(contributions.writers or ()),
            *(contributions.sample_data or ()),
        )
        if getattr(one, "command", None)
    }
    for command in contributions.commands or ():
        if command.python_name and command.id not in others:
            name = titles.get(command.id, command.title)
            yield Offer(str(command.python_name), name, _source(manifest), command.title)


def _written_offers(manifest: PluginManifest, commands: list[Offer]) -> Iterator[Offer]:
    offered = {offer.path.rpartition(":")[2] for offer in commands}
    packages = dict.fromkeys(offer.path.partition(".")[0].partition(":")[0] for offer in commands)
    for package in packages:
        folder = package_folder(package)
        for path in sorted(folder.rglob("*.py")) if folder else ():
            parts = path.relative_to(folder.parent).with_suffix("").parts if folder else ()
            if any(_FOR_TESTS.fullmatch(part) or not part.isidentifier() for part in parts):
                continue
            module = ".".join(part for part in parts if part != "__init__")
            for function in _functions_for_napari(path):
                if function.name not in offered:
                    offered.add(function.name)
                    yield Offer(f"{module}:{function.name}", function.name, _source(manifest), function.about)


def _functions_for_napari(path: Path) -> Iterator[WrittenFunction]:
    """Yield the functions of a file that take an image or a layer first, and return one, by what is written."""
    try:
        if not _WORTH_READING.search(path.read_bytes()):
            return
        functions = list(written_functions(path))
    except OSError:
        return
    for function in functions:
        first = function.parameters[0][1] if function.parameters else ""
        gives = kind_of(function.returns) or LAYER_TUPLE in last_names(function.returns)
        if first and is_array(first) and gives:
            yield function


def _source(manifest: PluginManifest) -> str:
    return manifest.display_name or manifest.name
