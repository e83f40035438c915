"""Offers of functions in installed napari plugins."""

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
_USES_NAPARI_TYPES = re.compile(rb"napari\.(types|layers)|LayerDataTuple")
_TEST_MODULE = re.compile(r"_*tests?|conftest|test_.*")


def plugin_offers(manager: PluginManager | None = None) -> Iterator[Offer]:
    """Yield an offer for each function of the installed plugins, without importing them.

    Parameters
    ----------
    manager : npe2.PluginManager, optional
        By default, napari's own. If it knows no plugin yet, installed plugins are discovered.

    Yields
    ------
    Offer
        For each command that is not a reader, a writer or sample data, including widgets that cannot be steps. Then
        for each other function in the plugin's files whose annotations take and return napari's types.
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
            if any(_TEST_MODULE.fullmatch(part) or not part.isidentifier() for part in parts):
                continue
            module = ".".join(part for part in parts if part != "__init__")
            for function in _functions_for_napari(path):
                if function.name not in offered:
                    offered.add(function.name)
                    yield Offer(f"{module}:{function.name}", function.name, _source(manifest), function.about)


def _functions_for_napari(path: Path) -> Iterator[WrittenFunction]:
    """Yield the functions of a file whose annotations take an image or layer first, and return one."""
    try:
        if not _USES_NAPARI_TYPES.search(path.read_bytes()):
            return
        functions = list(written_functions(path))
    except OSError:
        return
    for function in functions:
        first = function.parameters[0][1] if function.parameters else ""
        has_output = kind_of(function.returns) or LAYER_TUPLE in last_names(function.returns)
        if first and is_array(first) and has_output:
            yield function


def _source(manifest: PluginManifest) -> str:
    return manifest.display_name or manifest.name
