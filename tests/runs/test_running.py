"""Runs: the answer does not depend on the axis, every task has one outcome, bad input costs what it must."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label, regionprops_table

import napari_axiswise as aw
from napari_axiswise.core.components import StandardComponents
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from pairs import single_values
from processes import not_waiting_for

AXES = ["well", "site", "timepoint", "channel", "timepoint,well"]


def segment(image: np.ndarray) -> np.ndarray:
    return label(image > threshold_otsu(image))


def measure(labels: np.ndarray, image: np.ndarray) -> dict[str, np.ndarray]:
    return regionprops_table(labels, image, properties=("label", "area", "intensity_mean"))


def pipeline() -> aw.Pipeline:
    return aw.Pipeline(
        [
            aw.Step(gaussian, {"sigma": 2}, name="blur", keep=True),
            aw.Step(segment, name="nuclei", output="labels"),
            aw.Step(measure, name="cells", inputs=("nuclei", "raw"), output="table"),
        ]
    )


def plain_loop(dataset: aw.Dataset) -> tuple[dict[tuple[str, ...], dict[str, np.ndarray]], pd.DataFrame]:
    """What the pipeline has to give, by a for-loop over scikit-image."""
    names = list(dataset.components)
    planes, rows = {}, []
    for values in dataset.planes[names].astype(str).itertuples(index=False):
        raw = dataset.read(**dict(zip(names, values, strict=True)))
        blur = gaussian(raw, sigma=2)
        nuclei = segment(blur)
        planes[tuple(values)] = {"blur": blur, "nuclei": nuclei}
        rows.append(pd.DataFrame(measure(nuclei, raw)).assign(**dict(zip(names, values, strict=True))))
    table = pd.concat(rows, ignore_index=True)
    return planes, table[[*names, "label", "area", "intensity_mean"]]


def check_against_loop(result: aw.RunResult, expected: Any) -> None:
    planes, table = expected
    assert not result.failures
    for values, outputs in planes.items():
        components = dict(zip(result.dataset.components, values, strict=True))
        for step, pixels in outputs.items():
            read = result.read(step, **components)
            assert read.dtype == pixels.dtype
            np.testing.assert_array_equal(read, pixels)
    pd.testing.assert_frame_equal(result.table, table, check_dtype=False)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> aw.Dataset:
    plan = PlatePlan(wells=("B02", "B03", "C11"), sites=2, timepoints=3, channels=2, size=64)
    return aw.open_dataset(write_plate(tmp_path_factory.mktemp("plate"), plan))


@pytest.fixture(scope="module")
def expected(dataset: aw.Dataset) -> tuple[dict[tuple[str, ...], dict[str, np.ndarray]], pd.DataFrame]:
    return plain_loop(dataset)


@pytest.mark.parametrize(("axis", "executor"), single_values(AXES, ["serial", "threads", "processes"]))
def test_the_answer_does_not_depend_on_axis_or_executor(
    dataset: aw.Dataset, expected: Any, axis: str, executor: str, warm: Any
) -> None:
    result = aw.run(dataset, pipeline(), axis=axis, executor=warm(executor), workers=2)
    parts = (dataset.components[name] for name in axis.split(","))
    assert list(result.results) == [",".join(values) for values in product(*parts)]
    check_against_loop(result, expected)


@pytest.mark.parametrize(
    "axis",
    ["well", "timepoint", *(pytest.param(axis, marks=pytest.mark.slow) for axis in ("site", "channel"))],
)
def test_a_real_plate_equals_a_plain_loop(shared_data: Path, axis: str, lanes: aw.LaneExecutor) -> None:
    plate = aw.open_dataset(shared_data / "imagexpress" / "9987_Plate_3435")
    check_against_loop(aw.run(plate, pipeline(), axis=axis, executor=lanes), plain_loop(plate))


@pytest.mark.slow
def test_a_whole_plate_equals_a_plain_loop(shared_data: Path) -> None:
    plate = aw.open_dataset(shared_data / "bbbc013")
    expected = plain_loop(plate)
    with aw.LaneExecutor() as lanes:
        for axis in ("well", "channel"):
            check_against_loop(aw.run(plate, pipeline(), axis=axis, executor=lanes), expected)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.slow
def test_sparse_plates_give_the_same_along_every_axis(tmp_path: Path, data: st.DataObject) -> None:
    names = ("well", "site", "timepoint")
    grid = st.tuples(st.sampled_from(["A01", "A02", "B01"]), st.sampled_from("12"), st.sampled_from("123"))
    planes = data.draw(st.sets(grid, min_size=1, max_size=8))
    folder = tmp_path / str(hash(frozenset(planes)))
    folder.mkdir(exist_ok=True)
    for well, site, timepoint in planes:
        random = np.random.default_rng([ord(c) for c in well + site + timepoint])
        tifffile.imwrite(
            folder / f"{well}_s{site}_t{timepoint}.tif", random.integers(0, 99, (8, 9), np.uint16)
        )
    steps = [
        aw.Step(np.sqrt, name="root"),
        aw.Step(lambda stack: stack.max(axis=0), name="peak", variable="timepoint", keep=True),
        aw.Step(lambda plane: {"total": float(plane.sum())}, name="sums", output="table"),
    ]
    plate = aw.open_dataset(folder)
    results = [
        aw.run(plate, steps, axis=axis, executor="serial") for axis in ("well", "site", ("site", "well"))
    ]
    assert list(results[2].results) == [f"{site},{well}" for site, well in sorted({p[1::-1] for p in planes})]
    for result in results:
        assert not result.failures
        pd.testing.assert_frame_equal(results[0].table, result.table)
    for well, site in {plane[:2] for plane in planes}:
        stack = [plate.read(**dict(zip(names, p, strict=True))) for p in planes if p[:2] == (well, site)]
        for result in results:
            peak = result.read("peak", well=well, site=site)
            np.testing.assert_array_equal(peak, np.sqrt(stack).max(axis=0))


@pytest.mark.parametrize("executor", ["processes", "threads", "serial"])
def test_every_planned_task_has_one_outcome(dataset: aw.Dataset, executor: str, warm: Any) -> None:
    def picky(image: np.ndarray) -> np.ndarray:
        if image.mean() > 250:
            raise ValueError("too bright")
        return image

    events = list(aw.iter_run(dataset, [aw.Step(picky)], axis="channel", executor=warm(executor)))
    outcomes = [event for event in events if event.is_outcome]
    assert {event.axis_value for event in outcomes} == {"1", "2"}
    assert len(outcomes) == 2
    assert all(event.status in ("done", "failed") for event in outcomes)


def test_a_failed_task_keeps_what_it_had_and_says_where_and_why(
    dataset: aw.Dataset, lanes: aw.LaneExecutor
) -> None:
    def stumble(image: np.ndarray) -> np.ndarray:
        if image.sum() == bad:
            raise ZeroDivisionError("a cell divided by none")
        return image

    where = {"well": "B03", "site": "2", "timepoint": "1", "channel": "1"}
    bad = dataset.read(**where).sum()
    result = aw.run(dataset, [aw.Step(stumble, name="check")], axis="well", executor=lanes)
    assert result.results["B03"] is None
    assert result.results["B02"] is not None
    failure = result.failures["B03"]
    assert "ZeroDivisionError: a cell divided by none" in failure.error
    assert "well B03, site 2, timepoint 1, channel 1" in failure.error
    assert "in stumble" in failure.traceback
    np.testing.assert_array_equal(
        result.read("check", **{**where, "site": "1"}), dataset.read(**{**where, "site": "1"})
    )
    with pytest.raises(KeyError, match="not written"):
        result.read("check", **where)


def test_functions_typed_into_a_console_reach_the_workers(
    dataset: aw.Dataset, lanes: aw.LaneExecutor
) -> None:
    factor = 3
    result = aw.run(
        dataset, [aw.Step(lambda image: image * factor, name="times")], axis="well", executor=lanes
    )
    where = {"well": "C11", "site": "1", "timepoint": "2", "channel": "2"}
    np.testing.assert_array_equal(result.read("times", **where), dataset.read(**where) * 3)


@pytest.mark.slow
def test_a_run_in_the_scripts_own_module(dataset: aw.Dataset, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, napari_axiswise as aw\n"
        "def double(image):\n    return image * 2\n"
        "result = aw.run(sys.argv[1], [aw.Step(double)], axis='well')\n"
        "print(result.results.keys() - result.failures.keys(), flush=True)\n"
    )
    told = subprocess.run(
        [sys.executable, script, dataset.source], capture_output=True, text=True, timeout=90, check=True
    )
    assert "B02" in told.stdout
    assert told.stdout.count("dict_keys") == 0


@dataclass(frozen=True)
class RefusedCase:
    """A run that cannot be, and what its message has to name."""

    name: str
    arguments: dict[str, Any]
    told: tuple[str, ...]
    steps: Callable[[], list[aw.Step]] = lambda: [aw.Step(np.sqrt, name="root")]


REFUSED = (
    RefusedCase("unknown axis", {"axis": "plate"}, ("'plate'", "well (3)")),
    RefusedCase("unknown part", {"axis": ("well", "plate")}, ("'plate'", "well (3)")),
    RefusedCase("a part twice", {"axis": ("well", "well")}, ("'well'", "twice")),
    RefusedCase("no part", {"axis": ()}, ("at least one component",)),
    RefusedCase(
        "part as variable", {"axis": "well,site", "variable": "site"}, ("'site'", "'well,site'", "variable")
    ),
    RefusedCase("part as group", {"axis": ("well", "site"), "group_by": "site"}, ("'site'", "grouped by")),
    RefusedCase(
        "a step stacks a part",
        {"axis": ("well", "timepoint")},
        ("'peak'", "'timepoint'"),
        lambda: [aw.Step(np.max, {"axis": 0}, name="peak", variable="timepoint")],
    ),
    RefusedCase("axis as variable", {"axis": "well", "variable": "well"}, ("'well'", "another axis")),
    RefusedCase("variable as group", {"axis": "well", "variable": "site", "group_by": "site"}, ("'site'",)),
    RefusedCase(
        "a step stacks the axis",
        {"axis": "timepoint"},
        ("'peak'", "'timepoint'", "'well'"),
        lambda: [aw.Step(np.max, {"axis": 0}, name="peak", variable="timepoint")],
    ),
    RefusedCase(
        "a route is missing",
        {"axis": "well"},
        ("'routed'", "channel", "'2'", "'*'"),
        lambda: [aw.Step({"1": np.sqrt}, group_by="channel")],
    ),
    RefusedCase(
        "not picklable",
        {"axis": "well"},
        ("'holds'", "executor='threads'"),
        lambda: [aw.Step(_hold(Lock()), name="holds")],
    ),
    RefusedCase("unknown executor", {"axis": "well", "executor": "cluster"}, ("'cluster'", "processes")),
    RefusedCase("no workers", {"axis": "well", "workers": 0}, ("workers=0",)),
)


def _hold(thing: Any) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: image * bool(thing)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_cannot_be_run_is_refused_by_name(dataset: aw.Dataset, case: RefusedCase) -> None:
    with pytest.raises(ValueError, match=r"\w") as refusal:
        aw.run(dataset, case.steps(), **case.arguments)
    for words in case.told:
        assert words in str(refusal.value)


def test_a_filter_picks_tasks(dataset: aw.Dataset, caplog: pytest.LogCaptureFixture) -> None:
    steps = [aw.Step(np.sqrt)]
    picked = aw.run(dataset, steps, axis="well", axis_filter=(v for v in ["C11", "B02"]), executor="serial")
    assert list(picked.results) == ["B02", "C11"]
    aw.run(dataset, steps, axis="well", axis_filter=["B02", "H12"], executor="serial")
    assert "H12" in caplog.text
    caplog.clear()
    assert aw.run(dataset, steps, axis="well", axis_filter=["H12"], executor="serial").results == {}
    assert "B02, B03, C11" in caplog.text


def test_a_filter_of_a_product_is_spelled_as_customary_part_by_part(dataset: aw.Dataset) -> None:
    run = aw.Run(
        dataset,
        [aw.Step(np.sqrt)],
        ("well", "timepoint"),
        axis_filter=["c11, 2", ("b2", "01")],
        executor="serial",
    )
    assert run.axis == "well,timepoint"
    assert run.axis_values == ("B02,1", "C11,2")


def test_the_product_is_a_member_of_the_configuration(dataset: aw.Dataset) -> None:
    config = dataset.configuration(("timepoint", StandardComponents.WELL), variable="site")
    assert [component.value for component in config.all_components] == [*dataset.components, "timepoint,well"]
    assert config.multiprocessing_axis.value == "timepoint,well"
    orchestrator = aw.Orchestrator(dataset, config)
    tasks = aw.MultiprocessingCoordinator(config).create_tasks(orchestrator, ["3,C11"])
    assert list(tasks) == ["3,C11"]
    planes = tasks["3,C11"].context.planes
    assert len(planes) == len(dataset) / 9
    assert planes.axis_values("timepoint,well") == ("3,C11",)
    with pytest.raises(KeyError, match="4,C11"):
        orchestrator.create_context("4,C11")


def test_an_axis_with_one_value_is_told_with_better_ones(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    plate = write_plate(tmp_path, PlatePlan(wells=("D07",), sites=1, timepoints=2, channels=1, size=32))
    assert list(aw.run(plate, [aw.Step(np.sqrt)], axis="well", executor="serial").results) == ["D07"]
    assert "timepoint (2)" in caplog.text


def test_a_truncated_file_costs_its_plane(tmp_path: Path, lanes: aw.LaneExecutor) -> None:
    plate = write_plate(tmp_path, PlatePlan(wells=("B02", "B03"), sites=2, timepoints=1, channels=1, size=48))
    broken = plate / "TimePoint_1" / "Synthetic_B03_s2_w1.TIF"
    broken.write_bytes(broken.read_bytes()[:700])
    result = aw.run(plate, [aw.Step(np.sqrt, name="root")], axis="well", executor=lanes)
    assert str(broken) in result.failures["B03"].error
    assert "export it again" in result.failures["B03"].error
    assert result.results["B02"] is not None
    assert result.read("root", well="B03", site="1").any()


def test_planes_of_different_shape_in_one_stack_name_the_file(tmp_path: Path) -> None:
    for well, timepoint, size in (("A01", 1, 8), ("A01", 2, 9), ("A02", 1, 8), ("A02", 2, 8)):
        tifffile.imwrite(tmp_path / f"{well}_s1_t{timepoint}.tif", np.ones((size, size), np.uint8))
    steps = [aw.Step(lambda stack: stack.sum(axis=0), name="sum", variable="timepoint")]
    result = aw.run(tmp_path, steps, axis="well", executor="serial")
    assert "A01_s1_t2.tif" in result.failures["A01"].error
    assert "(9, 9)" in result.failures["A01"].error
    assert "(8, 8)" in result.failures["A01"].error
    assert result.read("sum", well="A02").sum() == 128


def test_a_wrong_shape_is_told_with_both_shapes(dataset: aw.Dataset) -> None:
    result = aw.run(dataset, [aw.Step(np.mean, name="mean")], axis="well", executor="serial")
    assert "shape ()" in result.failures["B02"].error
    assert "(64, 64)" in result.failures["B02"].error


@pytest.mark.parametrize("axis", ["well", "timepoint", "channel"])
def test_planes_may_change_their_shape_one_by_one(tmp_path: Path, axis: str) -> None:
    sizes = {"A01_s1_w1_t2": (8, 8)}
    for name in (f"{well}_s1_w{w}_t{t}" for well in ("A01", "A02") for w in "12" for t in "12"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.full(sizes.get(name, (10, 12)), 7, np.uint8))
    result = aw.run(
        tmp_path, [aw.Step(lambda image: image[:-1] + 1, name="cut")], axis=axis, executor="serial"
    )
    assert not result.failures
    for well in ("A01", "A02"):
        for channel in "12":
            for timepoint in "12":
                plane = result.read("cut", well=well, channel=channel, timepoint=timepoint)
                height, width = sizes.get(f"{well}_s1_w{channel}_t{timepoint}", (10, 12))
                np.testing.assert_array_equal(plane, np.full((height - 1, width), 8))


def test_one_image_has_one_dtype_and_what_fits_is_kept(dataset: aw.Dataset) -> None:
    def fickle(image: np.ndarray) -> np.ndarray:
        return image.astype(np.float32 if image.mean() > 260 else np.uint16)

    result = aw.run(dataset, [aw.Step(fickle, name="fickle")], axis="channel", executor="serial")
    assert result.failures
    for failure in result.failures.values():
        assert "'fickle'" in failure.error
        assert "float32" in failure.error
    assert result.read("fickle", well="B02", site="1", timepoint="1", channel="1").any()


def test_the_output_folder_is_kept_and_never_overwritten(dataset: aw.Dataset, tmp_path: Path) -> None:
    steps = [aw.Step(np.sqrt, name="root")]
    kept = aw.run(dataset, steps, axis="well", executor="serial", output=tmp_path / "out")
    assert kept.output == str(tmp_path / "out")
    with pytest.raises(FileExistsError, match="not empty"):
        aw.run(dataset, steps, axis="well", executor="serial", output=tmp_path / "out")
    (tmp_path / "file").write_text("something else")
    with pytest.raises(OSError, match="Choose another"):
        aw.run(dataset, steps, axis="well", executor="serial", output=tmp_path / "file")
    with pytest.raises(OSError, match="Choose another"):
        aw.run(dataset, steps, axis="well", executor="serial", output=tmp_path / "file" / "below")


def test_a_scratch_folder_goes_with_its_result(dataset: aw.Dataset) -> None:
    result = aw.run(dataset, [aw.Step(np.sqrt)], axis="well", executor="serial")
    scratch = Path(result.output)
    assert scratch.is_dir()
    del result
    assert not scratch.exists()


@pytest.mark.parametrize("executor", ["processes", "threads", "serial"])
def test_closing_the_generator_cancels(dataset: aw.Dataset, executor: str) -> None:
    def dawdle(image: np.ndarray) -> np.ndarray:
        time.sleep(60 if executor == "processes" else 2)
        return image

    run = aw.iter_run(dataset, [aw.Step(dawdle)], axis="timepoint", executor=executor, workers=2)
    next(event for event in run if event.status == "started")
    # Threads end with the unit that they are at, one of eight of their task.
    with not_waiting_for(12), closing(run):
        pass


def test_what_was_finished_before_cancelling_is_kept(dataset: aw.Dataset, tmp_path: Path) -> None:
    def slow_from_the_second_well_on(image: np.ndarray) -> np.ndarray:
        time.sleep(0 if abs(image.mean() - first) < 1e-9 else 3)
        return image

    wells = {"site": "1", "timepoint": "1", "channel": "1"}
    plate = aw.open_dataset(
        write_plate(
            tmp_path / "in", PlatePlan(wells=("B02", "B03"), sites=1, timepoints=1, channels=1, size=32)
        )
    )
    first = plate.read(well="B02", **wells).mean()
    steps = [aw.Step(slow_from_the_second_well_on, name="copy")]
    run = aw.iter_run(plate, steps, axis="well", output=tmp_path / "out", workers=1)
    with closing(run):
        next(event for event in run if event.status == "done")
    import zarr

    kept = zarr.open_array(tmp_path / "out" / "B" / "02" / "0" / "0", mode="r")
    np.testing.assert_array_equal(np.squeeze(kept[...]), plate.read(well="B02", **wells))


def test_contexts_are_small_and_pickle_with_the_standard_library(dataset: aw.Dataset) -> None:
    config = dataset.configuration("well")
    orchestrator = aw.Orchestrator(dataset, config)
    for task in aw.MultiprocessingCoordinator(config).create_tasks(orchestrator).values():
        copy = pickle.loads(pickle.dumps(task.context))
        assert len(pickle.dumps(task.context)) < 10_000
        assert copy.planes.path(0) == task.context.planes.path(0)


def test_results_carry_no_pixels(dataset: aw.Dataset) -> None:
    result = aw.run(dataset, [aw.Step(np.sqrt)], axis="well", executor="serial")
    for output in result.results.values():
        assert len(pickle.dumps(output)) < 5_000


@pytest.mark.slow
def test_the_parents_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    plate = write_plate(
        tmp_path, PlatePlan(wells=("B02", "B03"), sites=1, timepoints=40, channels=1, size=512)
    )
    with aw.LaneExecutor(2) as lanes:
        aw.run(plate, [aw.Step(np.sqrt)], axis="well", axis_filter=["B02"], executor=lanes)
        before = psutil.Process().memory_info().rss
        aw.run(plate, [aw.Step(np.sqrt)], axis="timepoint", executor=lanes)
    # 80 planes of float32 are 84 MB.
    assert psutil.Process().memory_info().rss - before < 20e6


def test_timings_have_a_row_per_task(dataset: aw.Dataset) -> None:
    timings = aw.run(dataset, [aw.Step(np.sqrt)], axis="timepoint", executor="threads").timings
    assert list(timings["axis_value"]) == ["1", "2", "3"]
    assert (timings["planes"] == 12).all()
    assert (timings["stopped"] >= timings["started"]).all()
    assert set(timings["status"]) == {"done"}


@pytest.mark.parametrize("axis", ["well", "channel"])
def test_functions_of_a_route_may_return_different_things(dataset: aw.Dataset, axis: str) -> None:
    rest = {"*": lambda image: image > 100}
    steps = [
        aw.Step({"1": np.sqrt, "2": lambda image: image[:10]}, name="parts", group_by="channel", keep=True),
        aw.Step({"1": segment, **rest}, name="both", inputs="raw", group_by="channel", output="labels"),
    ]
    result = aw.run(dataset, steps, axis=axis, executor="serial")
    assert not result.failures
    where = {"well": "B02", "site": "1", "timepoint": "1"}
    first, second = (dataset.read(channel=channel, **where) for channel in "12")
    np.testing.assert_array_equal(result.read("parts", channel="1", **where), np.sqrt(first))
    np.testing.assert_array_equal(result.read("parts", channel="2", **where), second[:10])
    np.testing.assert_array_equal(result.read("both", channel="1", **where), segment(first))
    np.testing.assert_array_equal(result.read("both", channel="2", **where), second > 100)


def test_points_are_read_as_a_table(dataset: aw.Dataset) -> None:
    steps = [aw.Step(lambda image: np.argwhere(image == image.max()), name="peaks", output="points")]
    result = aw.run(dataset, steps, axis="well", executor="serial")
    points = result.points("peaks")
    places = ["y", "x", "y_micrometer", "x_micrometer"]
    assert list(points.columns) == ["well", "site", "timepoint", "channel", *places]
    with pytest.raises(ValueError, match="points"):
        result.read("peaks", well="B02")


def test_tables_of_several_steps_are_told_apart(dataset: aw.Dataset) -> None:
    steps = [
        aw.Step(lambda image: {"mean": image.mean()}, name="a", output="table", inputs="raw"),
        aw.Step(lambda image: {"mean": image.max()}, name="b", output="table", inputs="raw"),
    ]
    table = aw.run(dataset, steps, axis="site", executor="serial").table
    assert table["step"].value_counts().to_dict() == {"a": 36, "b": 36}


def test_a_component_cache_is_cleared_on_request(tmp_path: Path) -> None:
    for well in ("A01", "A02"):
        tifffile.imwrite(tmp_path / f"{well}_s1.tif", np.zeros((4, 4), np.uint8))
    plate = aw.open_dataset(tmp_path)
    config = plate.configuration("well")
    orchestrator = aw.Orchestrator(plate, config)
    tifffile.imwrite(tmp_path / "A03_s1.tif", np.zeros((4, 4), np.uint8))
    axis = config.multiprocessing_axis
    assert orchestrator.get_component_keys(axis) == ["A01", "A02"]
    orchestrator.clear_component_cache()
    assert orchestrator.get_component_keys(axis) == ["A01", "A02", "A03"]
    assert orchestrator.create_context("A03").axis_value == "A03"


def test_a_configuration_over_any_enum_runs(dataset: aw.Dataset) -> None:
    config = aw.ComponentConfigurationFactory.create_configuration(
        aw.StandardComponents, aw.StandardComponents.WELL, default_variable=[aw.StandardComponents.SITE]
    )
    coordinator = aw.MultiprocessingCoordinator(config)
    orchestrator = aw.Orchestrator(dataset, config)
    steps = aw.Pipeline([aw.Step(lambda stack: stack.mean(axis=0), name="mean")])
    with aw.LaneExecutor(1) as lanes:
        results = coordinator.execute_tasks(
            coordinator.create_tasks(orchestrator, axis_filter=["B02"]), steps, lanes, aw.process_task
        )
    assert [written.names for written in results["B02"].planes] == [("well", "timepoint", "channel")]


def test_a_copy_of_an_array_can_be_cancelled() -> None:
    class Slow:
        shape, dtype, ndim = (40, 2, 8, 8), np.dtype("uint8"), 4

        def __getitem__(self, key: Any) -> np.ndarray:
            time.sleep(0.2)
            return np.zeros((1, 1, 8, 8), np.uint8)

    class Layer:
        data, name, axis_labels, scale, units = Slow(), "slow", ("t", "z", "y", "x"), (1,) * 4, ("pixel",) * 4

    run = aw.iter_run(aw.open_dataset([Layer()]), [aw.Step(np.sqrt)], axis="timepoint")
    assert next(run).status == "waiting"
    with not_waiting_for(8), closing(run):
        pass


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_cancelled_run_that_is_dropped_leaves_nothing(dataset: aw.Dataset, executor: str) -> None:
    def dawdle(image: np.ndarray) -> np.ndarray:
        time.sleep(0.1)
        return image

    whole = aw.Run(dataset, [aw.Step(dawdle)], axis="timepoint", executor=executor, workers=2)
    output = Path(whole.store.root)
    with closing(whole.events()) as events:
        next(event for event in events if event.status == "started")
        time.sleep(0.3)
    del whole, events
    give_up = time.monotonic() + 20
    while output.exists() and time.monotonic() < give_up:
        time.sleep(0.01)
    time.sleep(0.2)
    assert not output.exists(), "a unit that still ran has written into it again"


def test_an_axis_value_may_be_as_long_as_a_name(tmp_path: Path) -> None:
    for number in "12":
        tifffile.imwrite(tmp_path / f"{'ü' * 100}{number}.tif", np.ones((4, 4), np.uint8))
    steps = [aw.Step(lambda image: {"sum": image.sum()}, output="table")]
    result = aw.run(tmp_path, steps, axis="image", executor="serial")
    assert result.table["sum"].tolist() == [16, 16]
