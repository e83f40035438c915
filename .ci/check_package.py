"""``make package``: what is built is installed alone, as somebody would who has nothing but a Python.

First without a Qt binding, as on a cluster; then with one, as for napari's window. The wheel and the sdist are in the
folder that is given; the environment is a scratch one.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

PACKAGE = "napari-axiswise"
MODULE = "napari_axiswise"

WRONG_INPUT = 2
"""The exit code of a command that cannot do what it is asked."""

DATA = {f"{MODULE}/napari.yaml", f"{MODULE}/py.typed", f"{MODULE}/__init__.pyi"}
"""What a wheel has besides modules: the manifest, the sign that there are types, and the names to load lazily."""

HEADLESS = f"""
import sys
from pathlib import Path

import {MODULE} as aw
from {MODULE}.datasets.synthetic import PlatePlan, write_plate
from {MODULE}.functions.pipelines import nuclei_pipeline

plate = write_plate(Path("plate"), PlatePlan(("B02", "B03"), sites=1, timepoints=2, channels=1, size=64))
result = aw.run(plate, nuclei_pipeline(), axis="well", executor="serial", output="by-well")
assert not result.missing, result.failures
assert len(result.table) > 0

loaded = {{name.partition(".")[0] for name in sys.modules}}
assert not loaded & {{"napari", "qtpy", "magicgui", "superqt", "vispy", "PyQt6", "PySide6"}}, loaded
"""
"""A run on a small plate, which loads neither napari nor Qt."""

REGISTERED = f"""
from npe2 import PluginManager

manager = PluginManager.instance()
manager.discover()
for command in manager.get_manifest("{PACKAGE}").contributions.commands:
    assert callable(manager.commands.get(command.id)), command.id
    print(command.id, "→", command.python_name)
"""
"""Every command of the manifest leads to something that can be called."""


class Environment:
    """A virtual environment with nothing in it but what a test installs.

    Parameters
    ----------
    folder : Path
        Where it is made, and where its commands are run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
        self._uv("venv", "--python", sys.executable, str(folder / "venv"))

    def install(self, requirement: str) -> None:
        """Install something and what it needs."""
        self._uv("pip", "install", "--python", str(self._programs / "python"), requirement)

    def run(self, program: str, *arguments: str, code: int = 0) -> str:
        """Return what a program of the environment writes; it has to end with an exit code."""
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, encoding="utf-8", check=False
        )
        told = done.stdout + done.stderr
        if done.returncode != code:
            raise SystemExit(f"{program} {' '.join(arguments)[:60]} ended with {done.returncode}:\n{told}")
        return told

    def _uv(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "uv", "--quiet", *arguments], check=True, cwd=self._folder)


def check_contents(wheel: Path) -> None:
    """Check that a wheel has modules, the data that belong to them, and nothing else."""
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
    info = metadata.removesuffix("METADATA")
    known = DATA | {
        info + name for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    odd = {name for name in names - known if not re.fullmatch(rf"{MODULE}/[\w/]+\.py", name)}
    demand(not odd, f"The wheel has what does not belong there: {sorted(odd)}")
    demand(known <= names, f"The wheel lacks {sorted(known - names)}")
    check_metadata(text)


def check_metadata(text: str) -> None:
    """Check what napari's hub reads, and that the README shows its pictures there."""
    metadata = message_from_string(text)
    demand(
        "Framework :: napari" in metadata.get_all("Classifier", []), "The classifier of napari is missing."
    )
    demand(metadata["License-Expression"] == "BSD-3-Clause", "The licence is not told as SPDX.")
    demand(len(metadata.get_all("Project-URL", [])) >= 3, "Homepage, issues or documentation are missing.")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    relative = [link for link in links if not link.startswith("https://")]
    demand(bool(links) and not relative, f"Links of the README that lead nowhere on the hub: {relative}")


def check_headless(environment: Environment) -> None:
    """Check all that has to work where there is no Qt binding."""
    environment.run("npe2", "validate", PACKAGE)
    environment.run("python", "-W", "error:::" + MODULE, "-c", HEADLESS)
    environment.run(PACKAGE, "--help")
    recipe = "by-well/recipe.toml"
    environment.run(PACKAGE, "check", "plate")
    environment.run(PACKAGE, "plan", recipe, "--workers", "1")
    told = environment.run(
        PACKAGE, "run", recipe, "--axis", "timepoint", "--output", "by-timepoint", "--workers", "2"
    )
    demand("2 done" in told, f"A run does not tell that its tasks are done:\n{told}")
    told = environment.run(PACKAGE, "show", "by-well", code=WRONG_INPUT)
    demand(f'pip install "{PACKAGE}[all]"' in told and told.count("\n") == 1, f"show is of no help:\n{told}")


def demand(holds: bool, told: str) -> None:
    """End with a message where something does not hold."""
    if not holds:
        raise SystemExit(told)


def main(folder: Path) -> None:
    """Check the one wheel that is in a folder."""
    (wheel,) = folder.resolve().glob("*.whl")
    check_contents(wheel)
    with tempfile.TemporaryDirectory() as scratch:
        environment = Environment(Path(scratch))
        environment.install(str(wheel))
        check_headless(environment)
        print(f"{wheel.name}: works without Qt")
        environment.install(f"{PACKAGE}[all] @ {wheel.as_uri()}")
        environment.run("npe2", "validate", "--imports", PACKAGE)
        print(environment.run("python", "-X", "utf8", "-c", REGISTERED), end="")
        print(f"{wheel.name}: every command of the manifest is found")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
