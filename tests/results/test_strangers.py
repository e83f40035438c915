"""A result folder that somebody else has sent, or that is damaged, is looked at without harm.

Nothing outside of it is read or written, no code of it runs, memory is bounded, and a damaged record costs its unit.
``make fuzz`` tries thousands of changes instead of a few.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import napari_axiswise as aw
from napari_axiswise.results.thumbnails import ThumbnailIndex

EXAMPLES = int(os.environ.get("AXISWISE_FUZZ", "10"))
"""Number of random changes to try."""

WELLS = {"B02": 105, "B03": 205}
"""The wells, and the pixels of step ``neg`` in them."""

SECRET = b"of another person"

DOCUMENTED = (OSError, ValueError, KeyError)


def negative(plane: np.ndarray) -> np.ndarray:
    return plane + 5


def objects(plane: np.ndarray) -> np.ndarray:
    return (plane > 0).astype(np.int32)


def brightness(plane: np.ndarray) -> dict[str, float]:
    return {"bright": float(plane.max())}


STEPS = [
    aw.Step(negative, name="neg", keep=True),
    aw.Step(objects, name="lab", inputs="raw", output="labels"),
    aw.Step(brightness, name="tab", inputs="raw", output="table"),
]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plate, ``plate``, and the result of a run, ``out``."""
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "plate").mkdir()
    for well, value in WELLS.items():
        pixels = np.full((16, 16), value - 5, np.uint16)
        tifffile.imwrite(folder / "plate" / f"plate_{well}_s1_w1.tif", pixels, metadata=None)
    aw.run(folder / "plate", STEPS, axis="well", executor="serial", output=folder / "out")
    return folder


@pytest.fixture
def output(original: Path, tmp_path: Path) -> Path:
    """A copy of the result, beside ``home``, whose files are nobody's business."""
    return prepare(original, tmp_path)


def prepare(original: Path, folder: Path) -> Path:
    shutil.copytree(original / "out", folder / "out")
    (folder / "home").mkdir()
    (folder / "home" / "letter").write_bytes(SECRET)
    return folder / "out"


def change_units(output: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the record of every unit."""
    for path in (output / "ledger" / "units").iterdir():
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        for line in lines:
            if "unit" in line:
                change(line["unit"])
        path.write_text("".join("\n" + json.dumps(line) for line in lines))


def change_description(output: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = output / "ledger" / "run.json"
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))


def outside(output: Path) -> dict[str, bytes]:
    """Return everything beside a result."""
    return {
        str(path.relative_to(output.parent)): path.read_bytes() if path.is_file() else b""
        for path in output.parent.rglob("*")
        if output not in (path, *path.parents) and "copy" not in path.relative_to(output.parent).parts
    }


def look(output: Path) -> list[Exception]:
    """Look at all of a result, and return the errors, which have to be documented ones."""
    errors: list[Exception] = []

    def attempt(do: Callable[[], object]) -> object:
        try:
            return do()
        except DOCUMENTED as error:
            errors.append(error)
            return None

    before = outside(output)
    result = attempt(lambda: aw.open_result(output))
    if isinstance(result, aw.RunResult):
        attempt(lambda: repr(result))
        attempt(lambda: result.table)
        attempt(lambda: result.timings)
        for well in WELLS:
            for step in ("neg", "lab"):
                attempt(lambda well=well, step=step: result.plane_state(step, well=well))  # type: ignore[misc]
                attempt(lambda well=well, step=step: result.read(step, well=well))  # type: ignore[misc]
        index = ThumbnailIndex(Path(result.output), result.store.components)
        for task in filter(None, result.results.values()):
            attempt(lambda task=task: index.add(task.thumbnails))  # type: ignore[misc]
        for step in ("neg", "lab"):
            attempt(lambda step=step: list(index.fetch(step, {"well": 0})))  # type: ignore[misc]
        attempt(result.export_csv)
        attempt(lambda: result.save(output.parent / "copy"))
    attempt(lambda: aw.open_dataset(output))
    assert outside(output) == before
    for path in (output.parent / "copy").rglob("*"):
        assert not path.is_symlink()
        assert not path.is_file() or SECRET not in path.read_bytes()
    return errors


def test_a_result_as_it_was_written_has_no_errors(output: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert look(output) == []
    assert caplog.messages == []
    result = aw.open_result(output)
    assert result.warnings == ()
    assert {well: int(result.read("neg", well=well).max()) for well in WELLS} == WELLS


@pytest.mark.parametrize(
    "change",
    [{"planes": 5}, {"planes": [{"step": "neg"}]}, {"tables": [{}]}, {"unit": None}, {"unit": {}}, {"steps": {}},
     {"stopped": "later"}, {"stopped": float("nan")}, {"calls": -1}, {"steps": ["other"]}, {"peak_memory": 1e300}],
    ids=str,
)  # fmt: skip
def test_a_damaged_record_costs_its_unit(output: Path, change: dict[str, Any]) -> None:
    change_units(output, lambda unit: unit.update(change) if unit["unit"]["well"] == "B03" else None)
    result = aw.open_result(output)
    assert "is damaged" in result.warnings[0]
    assert int(result.read("neg", well="B02").max()) == 105
    assert result.table["bright"].tolist() == [100.0]
    assert result.plane_state("neg", well="B03") == "pending"
    with pytest.raises(KeyError, match="B03"):
        result.read("neg", well="B03")


def test_a_resumed_run_computes_what_a_damaged_record_was_about(original: Path, output: Path) -> None:
    change_units(output, lambda unit: unit.update(planes=5) if unit["unit"]["well"] == "B03" else None)
    resumed = aw.run(original / "plate", STEPS, axis="well", executor="serial", output=output, resume=True)
    assert resumed.missing == ()
    for result in (resumed, aw.open_result(output)):
        assert {well: int(result.read("neg", well=well).max()) for well in WELLS} == WELLS
        assert sorted(result.table["bright"]) == [100.0, 200.0]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("planes", {"folder": "../home/photos"}), ("planes", {"folder": "/etc"}), ("planes", {"step": "../home"}),
        ("planes", {"dtype": "O"}), ("planes", {"dtype": "M8[s]"}), ("planes", {"shape": [1 << 20, 1 << 20]}),
        ("planes", {"codes": [[1 << 40] * 3]}), ("planes", {"codes": [[-1] * 3]}), ("planes", {"codes": [[0]]}),
        ("planes", {"names": ["well", "well", "site"]}), ("planes", {"kind": "table"}),
        ("thumbnails", {"dtype": "O"}), ("thumbnails", {"dtype": "V8"}), ("thumbnails", {"shape": [1 << 30, 1 << 30]}),
        ("thumbnails", {"path": "../home/letter", "start": 0, "stop": 17}),
        ("thumbnails", {"path": "ledger/thumbnails/neg/../../../../home/letter", "start": 0, "stop": 17}),
        ("thumbnails", {"stop": 1 << 50}), ("thumbnails", {"start": -8}), ("thumbnails", {"names": ["other"]}),
        ("tables", {"path": "../home/letter", "start": 0, "stop": 17}), ("tables", {"stop": 1 << 50}),
        ("tables", {"rows": 1 << 60}), ("tables", {"step": "neg"}),
    ],
    ids=str,
)  # fmt: skip
def test_a_record_cannot_lead_out_of_the_result(output: Path, part: str, change: dict[str, Any]) -> None:
    change_units(output, lambda unit: [entry.update(change) for entry in unit[part]])
    look(output)
    result = aw.open_result(output)
    assert "is damaged" in result.warnings[0]
    assert all(output is None for output in result.results.values())


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run["dataset"]["components"].update(well=["B02", "B02"]),
        lambda run: run["dataset"]["components"].update({f"c{n}": list("0123456789") for n in range(30)}),
        lambda run: run["dataset"].update(shape=[-1, 5]),
        lambda run: run["dataset"].update(dtype="O"),
        lambda run: run["pipeline"][0].update(name="../home"),
        lambda run: run["pipeline"][0].update(output="code"),
        lambda run: run["pipeline"][0].update(variable=["other"]),
        lambda run: run.update(axis="other"),
        lambda run: run.update(pipeline=[]),
        lambda run: run.clear(),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(
    output: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    change_description(output, change)
    with pytest.raises(FileNotFoundError, match="is not the output of a run"):
        aw.open_result(output)


@pytest.mark.parametrize(
    "calibration", [None, {}, {"pixel_size": "large"}, [1], {"positions": [["A01", "1", 10**400, 0]]}]
)
def test_a_damaged_calibration_is_none(output: Path, calibration: object) -> None:
    change_description(output, lambda run: run["dataset"].update(calibration=calibration))
    assert aw.open_result(output).dataset.calibration.pixel_size is None


def test_a_description_that_is_deep_is_refused(output: Path) -> None:
    (output / "ledger" / "run.json").write_text("[" * 200_000 + "]" * 200_000)
    with pytest.raises(FileNotFoundError, match="in each other"):
        aw.open_result(output)


LINKED = ("ledger", "ledger/run.json", "ledger/units", "ledger/tasks.jsonl", "ledger/lock", "ledger/rows/tab", "tables",
          "tables/tab.csv", "B", "B/02/0", "B/02/0/0/c", "B/02/0/0/zarr.json", "zarr.json", "images")  # fmt: skip


def replace_by_link(path: Path, target: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
@pytest.mark.parametrize("name", LINKED)
def test_links_are_neither_followed_nor_written_through(original: Path, output: Path, name: str) -> None:
    def link() -> None:
        replace_by_link(output / name, output.parent / "home" / ("" if "." not in name else "letter"))

    link()
    look(output)
    link()
    before = outside(output)
    with pytest.raises((FileExistsError, ValueError), match="link"):
        aw.run(original / "plate", STEPS, axis="well", executor="serial", output=output, resume=True)
    assert outside(output) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of Unix")
@pytest.mark.parametrize(
    "name", ["ledger/run.json", "ledger/tasks.jsonl", "zarr.json", "B/02/0/0/zarr.json", "recipe.toml"]
)
def test_pipes_are_not_opened(output: Path, name: str) -> None:
    (output / name).unlink(missing_ok=True)
    os.mkfifo(output / name)
    with time_limit(10):
        look(output)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Fail if this takes longer."""

    def expire(*_: object) -> None:
        raise AssertionError(f"it takes more than {seconds} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# ------------------------------------------------------------------------------------------------- random changes

STRANGE = [None, True, -1, 0, 1 << 40, 10**400, 1e308, float("nan"), "", "..", "../home/letter", "O", "neg",
           "x" * 5000, [], {}, [[]], ["neg"], {"step": "neg"}, [[0, 0, 0]]]  # fmt: skip


def change_value(rng: random.Random, value: Any) -> Any:
    """Return a JSON value with a random part replaced."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {other: value[other] for other in value if other != key}
        return {**value, key: change_value(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        return [*value[:place], change_value(rng, value[place]), *value[place + 1 :]]
    return rng.choice(STRANGE)


def mutate(rng: random.Random, output: Path) -> str:
    """Change a random file of a result, and return what was done."""
    files = sorted(path for path in output.rglob("*") if path.is_file() and not path.is_symlink())
    path = rng.choice(files)
    data = path.read_bytes()
    how = rng.choice(
        [
            "value",
            "value",
            "value",
            "bytes",
            "bytes",
            "cut",
            "swap",
            "link",
            "linked folder",
            "pipe",
            "folder",
        ]
    )
    if how == "value" and path.suffix in (".json", ".jsonl"):
        lines = data.splitlines() if path.suffix == ".jsonl" else [data]
        place = rng.randrange(len(lines))
        with suppress(ValueError):
            lines[place] = json.dumps(change_value(rng, json.loads(lines[place]))).encode()
        path.write_bytes(b"\n".join(lines))
    elif how in ("value", "bytes"):
        changed = bytearray(data or b"x")
        for _ in range(rng.randint(1, 4)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        path.write_bytes(changed)
    elif how == "cut":
        path.write_bytes(data[: rng.randrange(len(data) + 1)])
    elif how == "swap":
        other = rng.choice(files)
        content = other.read_bytes()
        other.write_bytes(data)
        path.write_bytes(content)
    elif how == "link":
        replace_by_link(path, rng.choice([output.parent / "home" / "letter", Path("/dev/zero"), path]))
    elif how == "linked folder":
        replace_by_link(
            rng.choice([path.parent, path]) if path.parent != output else path, output.parent / "home"
        )
    elif how == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        path.unlink()
        path.mkdir()
    return f"{how} of {path.relative_to(output)}"


@pytest.mark.timeout(EXAMPLES * 10)
@pytest.mark.skipif(os.name == "nt", reason="links and pipes of Unix")
def test_random_changes_of_a_result(original: Path, tmp_path: Path) -> None:
    """There is a result, a listed problem or a documented error, and nothing outside is read or written."""
    for seed in range(EXAMPLES):
        rng = random.Random(seed)
        output = prepare(original, tmp_path / str(seed))
        changes = [mutate(rng, output) for _ in range(rng.randint(1, 3))]
        try:
            with time_limit(10):
                look(output)
                before = outside(output)
                with suppress(*DOCUMENTED):
                    aw.run(
                        original / "plate", STEPS, axis="well", executor="serial", output=output, resume=True
                    )
                assert outside(output) == before
        except Exception as error:
            raise AssertionError(f"seed {seed}: {', '.join(changes)}") from error
        shutil.rmtree(tmp_path / str(seed))
