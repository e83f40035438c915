"""Plans: the duration of a run along each axis, predicted from a pilot."""

from __future__ import annotations

import math
import os
import re
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_axiswise as aw
from napari_axiswise.core import clock
from napari_axiswise.core.generators import exhaust
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.functions import gaussian, project
from napari_axiswise.planes.table import Planes
from napari_axiswise.planning import measurement
from napari_axiswise.planning.blocks import Blocks
from napari_axiswise.planning.costs import predict_costs
from napari_axiswise.planning.forecast import Workload
from napari_axiswise.planning.measurement import measuring
from napari_axiswise.planning.pilot import Pilot
from napari_axiswise.planning.plan import Plan
from napari_axiswise.planning.planner import planning, predict
from napari_axiswise.planning.sampling import neighbourhood, sample, spread
from napari_axiswise.planning.trials import comparing
from napari_axiswise.runs.workers import WorkerLimit

PLAIN = aw.Pipeline([gaussian]).configured((), None)


def make_dataset(present: np.ndarray | None = None, **lengths: int) -> aw.Dataset:
    """Return a dataset without files, of all combinations of values or of those in `present`."""
    codes = np.stack(np.unravel_index(np.arange(math.prod(lengths.values())), list(lengths.values())), axis=1)
    codes = codes.astype(np.int32) if present is None else codes[present].astype(np.int32)
    components = {name: tuple(str(n + 1) for n in range(length)) for name, length in lengths.items()}
    pages = np.arange(len(codes), dtype=np.int32)
    index = Planes(components, codes, ("nothing.tif",), np.zeros(len(codes), np.int32), pages, "nowhere")
    return aw.Dataset("test", index, (64, 64), np.dtype(np.uint16))


def predicted(
    dataset: aw.Dataset,
    lanes: int,
    pilot: Pilot | None = None,
    pipeline: aw.Pipeline = PLAIN,
    products: bool = False,
) -> Plan:
    """Return the plan of a dataset in which each unit takes a second."""
    blocks = Blocks.of(dataset.index, pipeline)
    chosen = tuple(spread(blocks, 8).tolist())
    pilot = pilot or Pilot(blocks=chosen, seconds=(1.0,) * len(chosen), computing=8.0)
    refusals = {name: "" if name in blocks.names else "a step stacks it" for name in dataset.components}
    return predict(dataset, pipeline, blocks, pilot, WorkerLimit(lanes, lanes, 1, 1), refusals, products)


class Foreseen(NamedTuple):
    axis: str
    lanes: int
    seconds: float
    limit: str


@pytest.mark.parametrize(
    "case",
    [
        Foreseen("well", 1, 60, "processors"),
        Foreseen("well", 2, 40, "too few tasks"),
        Foreseen("timepoint", 2, 30, "processors"),
        Foreseen("site", 2, 60, "too few tasks"),
        Foreseen("well", 16, 20, "too few tasks"),
        Foreseen("timepoint", 16, 6, "too few tasks"),  # 20 tasks of 3 s: four lanes have two
        Foreseen("timepoint", 7, 9, "processors"),
    ],
)
def test_workers_take_the_next_task(case: Foreseen) -> None:
    row = predicted(make_dataset(well=3, site=1, timepoint=20), case.lanes)[case.axis]
    assert row.seconds == pytest.approx(case.seconds)
    assert row.limit == case.limit
    assert row.speed_up == pytest.approx(60 / case.seconds)


def test_the_last_tasks_are_faster_as_fewer_workers_are_busy() -> None:
    dataset = make_dataset(well=3, timepoint=2)
    chosen = tuple(range(6))
    plan = predicted(dataset, 2, Pilot(blocks=chosen, seconds=(1.0,) * 6, contention=1.5, workers=2))
    assert plan["timepoint"].seconds == pytest.approx(3)
    assert plan["well"].seconds == pytest.approx(2 + 2 / 1.5)
    assert plan["well"].speed_up == pytest.approx((6 / 1.5) / (2 + 2 / 1.5))


def test_a_component_that_is_processed_together_is_not_an_axis(plate: Path) -> None:
    stacking = aw.Pipeline([aw.Step(project, name="movie", variable="timepoint")])
    table = aw.plan(plate, stacking, workers=1, executor="serial").set_index("axis")
    assert not table.loc["timepoint", "allowed"]
    assert table.loc["timepoint", "note"] == "step 'movie' processes timepoint together"
    assert table.loc["well", ["tasks", "units_min", "planes_max"]].tolist() == [2, 4, 12]
    assert table["recommended"].sum() == 1


def test_a_pipeline_that_processes_everything_together() -> None:
    dataset = make_dataset(z_index=4)
    pipeline = aw.Pipeline([aw.Step(project, variable="z_index")]).configured((), None)
    plan = predicted(dataset, 2, Pilot(), pipeline)
    assert plan.recommended == ""
    assert "processes every component together" in plan.reason


def test_the_axis_with_tasks_for_all_workers_is_recommended() -> None:
    plan = predicted(make_dataset(well=3, timepoint=20), lanes=2)
    assert plan.recommended == "timepoint"
    assert (
        plan.reason == "Split by timepoint: about 30 s on 2 workers; by well it would take 1.3 times as long "
        "(3 tasks; too few tasks)."
    )


def test_pairs_are_planned_if_no_component_has_enough_tasks() -> None:
    plan = predicted(make_dataset(well=3, site=1, timepoint=5), lanes=4, products=True)
    assert [row.axis for row in plan.axes] == ["well", "site", "timepoint", "well,timepoint"]
    assert plan.recommended == "well,timepoint"
    assert "well and timepoint" in plan.reason
    assert len(predicted(make_dataset(well=8, site=1, timepoint=5), lanes=4, products=True).axes) == 3


def test_a_product_has_a_task_for_each_existing_combination() -> None:
    dataset = make_dataset(np.array([True, False, True, True]), well=2, timepoint=2)
    plan = predicted(dataset, lanes=2, products=True)
    assert len(plan["well,timepoint"].workload) == 3
    assert plan.table.set_index("axis").loc["well", ["planes_min", "planes_max"]].tolist() == [1, 2]


def test_one_worker_and_one_value_are_noted() -> None:
    plan = predicted(make_dataset(well=1, timepoint=4), lanes=1)
    assert "with one worker, all axes take about as long" in plan.reason
    assert plan.notes == ("One value only, so one task: well 1.",)


def test_an_outlier_is_noted_and_not_used_for_predictions() -> None:
    dataset = make_dataset(well=4, timepoint=25)
    blocks = Blocks.of(dataset.index, PLAIN)
    chosen = tuple(spread(blocks, 16).tolist())
    plan = predicted(dataset, 2, Pilot(blocks=chosen, seconds=(1000.0,) + (1.0,) * 15))
    assert 1003 <= plan["timepoint"].seconds <= 1003 + 48
    assert plan["timepoint"].limit == "one long task"
    assert "much longer than others" in plan.notes[0]


def test_failed_units_are_noted_and_not_used_for_predictions() -> None:
    dataset = make_dataset(well=4, timepoint=25)
    chosen = tuple(spread(Blocks.of(dataset.index, PLAIN), 16).tolist())
    pilot = Pilot(blocks=chosen, seconds=(0.001,) + (1.0,) * 15, failed={chosen[0]: "step 'blur': no"})
    plan = predicted(dataset, 1, pilot)
    assert plan["well"].seconds == pytest.approx(99, rel=0.02)
    assert plan.notes[0].startswith("1 of 16 units of the pilot failed: well ")
    assert plan.notes[0].endswith("step 'blur': no")


def test_a_plan_without_measurements_has_tasks_but_no_durations() -> None:
    plan = predicted(make_dataset(well=2, timepoint=4), 2, Pilot())
    assert plan.recommended == "timepoint"
    assert math.isnan(plan["well"].seconds)
    assert plan["well"].limit == "unknown"
    assert plan.table["seconds"].isna().all()


def test_memory_limits_the_number_of_workers() -> None:
    dataset = make_dataset(well=8, timepoint=8)
    blocks = Blocks.of(dataset.index, PLAIN)
    plan = predict(dataset, PLAIN, blocks, Pilot((0,), (1.0,)), WorkerLimit(2, 8, 1, 1), {"well": ""})
    assert plan["well"].limit == "memory"
    assert plan.notes[0].startswith("2 workers instead of 8")


@given(
    tasks=st.integers(1, 60),
    lanes=st.integers(1, 12),
    seconds=st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).exponential(1.0, 60)),
)
def test_no_run_is_faster_than_possible(tasks: int, lanes: int, seconds: np.ndarray) -> None:
    dataset = make_dataset(well=tasks, timepoint=2)
    blocks = Blocks.of(dataset.index, PLAIN)
    pilot = Pilot(tuple(range(min(len(blocks), 60))), tuple(seconds[: len(blocks)].tolist()))
    row = predicted(dataset, lanes, pilot)["well"]
    total, longest = row.workload.seconds.sum(), row.workload.seconds.max()
    assert max(total / lanes, longest) <= row.seconds * (1 + 1e-9)
    assert row.seconds <= (total + (lanes - 1) * longest) / lanes * (1 + 1e-9)  # Graham's bound


def test_scaling_ends_at_the_longest_task() -> None:
    plan = predicted(make_dataset(well=3, timepoint=20), lanes=2)
    curve = plan.scaling("timepoint").set_index("workers")["seconds"]
    assert curve.index[[0, -1]].tolist() == [1, 10_000]
    assert curve.is_monotonic_decreasing
    assert curve[[1, 10_000]].tolist() == pytest.approx([60, 3])
    assert (plan.most_workers("timepoint"), plan.most_workers("well")) == (20, 3)


@given(st.floats(1.0, 4.0), st.integers(8, 24))
def test_a_few_units_find_a_slower_channel(times: float, measured: int) -> None:
    dataset = make_dataset(well=12, timepoint=5, channel=2)
    blocks = Blocks.of(dataset.index, PLAIN)
    true = np.where(blocks.column("channel") == 0, 1.0, times)
    chosen = spread(blocks, measured)
    costs = predict_costs(blocks, chosen, true[chosen], np.ones(len(chosen), bool)).seconds
    assert costs.sum() == pytest.approx(true.sum(), rel=0.1)
    second = blocks.column("channel") == 1
    assert costs[second].sum() == pytest.approx(true[second].sum(), rel=0.12)


def test_spread_blocks_have_every_value_equally_often() -> None:
    blocks = Blocks.of(make_dataset(well=8, site=4, channel=2).index, PLAIN)
    codes = blocks.codes[spread(blocks, 16)]
    assert [np.bincount(column).tolist() for column in codes.T] == [[2] * 8, [4] * 4, [8] * 2]


def test_a_neighbourhood_is_a_grid() -> None:
    blocks = Blocks.of(make_dataset(well=8, site=4, timepoint=9, channel=2).index, PLAIN)
    codes = blocks.codes[neighbourhood(blocks, 40)]
    assert len(codes) == 36
    assert [np.ptp(column) + 1 for column in codes.T] == [3, 3, 2, 2]


def test_a_sample_is_a_dataset_of_its_own(plate: Path) -> None:
    whole = aw.open_dataset(plate)
    blocks = Blocks.of(whole.index, PLAIN)
    part = sample(whole, blocks.rows([0, len(blocks) - 1]))
    assert len(part) == 2
    assert part.components["timepoint"] == ("1", "3")
    place = {"well": "B03", "site": "2", "timepoint": "3", "channel": "2"}
    np.testing.assert_array_equal(part.read(**place), whole.read(**place))
    assert aw.run(part, [gaussian], axis="well", executor="serial").results.keys() == {"B02", "B03"}


def test_a_sample_of_an_array_copies_only_its_planes() -> None:
    whole = aw.open_dataset(np.arange(24 * 16).reshape(2, 3, 4, 4, 4), axes=("well", "z_index", "channel"))
    part = sample(whole, np.array([3, 20]))
    assert part.array.shape == (2, 4, 4)
    np.testing.assert_array_equal(part.read(well="2", z_index="3", channel="1"), whole.array[1, 2, 0])


def test_a_pilot_is_reused_for_the_same_pipeline_and_planes(
    plate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests have measured this plate.
    monkeypatch.setattr(measurement, "_cache", OrderedDict())
    dataset = aw.open_dataset(plate)
    blocks = Blocks.of(dataset.index, PLAIN)
    events = list(measuring(aw.RunPlan(dataset, PLAIN, executor="serial", workers=1), blocks))
    assert sum(event.is_outcome for event in events) == 16 + 1, "each alone, and a few once more as one"
    again = aw.Pipeline([gaussian]).configured((), None)
    assert (
        list(measuring(aw.RunPlan(aw.open_dataset(plate), again, executor="serial", workers=1), blocks)) == []
    )
    other = aw.Pipeline([aw.Step(gaussian, {"sigma": 3})]).configured((), None)
    assert list(measuring(aw.RunPlan(dataset, other, executor="serial", workers=1), blocks)) != []


def test_a_pilot_of_an_array_is_not_reused() -> None:
    dataset = aw.open_dataset(np.zeros((4, 8, 8)), axes=("timepoint",))
    blocks = Blocks.of(dataset.index, PLAIN)
    assert list(measuring(aw.RunPlan(dataset, PLAIN, executor="serial", workers=1), blocks)) != []
    assert list(measuring(aw.RunPlan(dataset, PLAIN, executor="serial", workers=1), blocks)) != [], (
        "its pixels may be others"
    )


def test_a_dataset_without_planes_cannot_be_planned() -> None:
    with pytest.raises(ValueError, match="has no planes"):
        aw.plan(make_dataset(np.zeros(4, bool), well=2, timepoint=2), [gaussian])


def test_a_pilot_in_which_all_units_fail_is_noted(plate: Path) -> None:
    def stumble(image: np.ndarray) -> np.ndarray:
        raise ValueError("no nuclei")

    plan = exhaust(planning(plate, [stumble], 1, executor="serial"))
    assert plan.recommended
    assert "16 of 16 units of the pilot failed" in plan.notes[0]
    assert "no nuclei" in plan.notes[0]


def test_a_clock_that_jumps_does_not_change_a_plan(plate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(image: np.ndarray) -> np.ndarray:
        time.sleep(0.01)
        return image

    jumps = count()
    monkeypatch.setattr(time, "time", lambda: 1e9 + 3600 * (-1) ** next(jumps))
    plan = exhaust(planning(plate, [wait], 1, executor="serial"))
    assert 0.24 < plan["well"].seconds < 60


def test_axes_take_turns_in_a_comparison(plate: Path) -> None:
    made = exhaust(comparing(plate, [gaussian], units=6, rounds=2, executor="threads", workers=1))
    axes = ["well", "site", "timepoint", "channel"]
    assert [trial.axis for trial in made.trials] == [*axes, *reversed(axes)]
    assert made.table.columns[:3].tolist() == ["axis", "tasks", "units"]
    assert made.table["times_fastest"].min() == 1
    assert (made.table[["predicted", "measured"]] > 0).all(axis=None)


def test_comparing_an_impossible_axis_is_an_error(plate: Path) -> None:
    stacking = aw.Pipeline([aw.Step(project, name="movie", variable="timepoint")])
    with pytest.raises(ValueError, match="timepoint: step 'movie' processes timepoint together"):
        aw.compare(plate, stacking, axes=["well", "timepoint"], executor="serial")


@given(
    contention=st.floats(1.0, 4.0),
    workers=st.integers(2, 8),
    seed=st.integers(0, 2**32 - 1),
)
def test_more_workers_are_never_slower(contention: float, workers: int, seed: int) -> None:
    pilot = Pilot(contention=min(contention, workers), workers=workers)
    seconds = np.random.default_rng(seed).exponential(1.0, 24)
    ones = np.ones(24, np.int64)
    walls = [Workload("well", seconds, ones, ones).wall(lanes, pilot) for lanes in range(1, 30)]
    assert all(after <= before * (1 + 1e-9) for before, after in pairwise(walls))


@pytest.mark.slow
def test_clocks_of_processes_may_differ(plate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for hours in (-1, 1):
        with monkeypatch.context() as patch:
            patch.setattr(clock, "_EPOCH", clock._EPOCH + 3600 * hours)
            plan = exhaust(planning(plate, [aw.Step(gaussian, {"sigma": 2 + hours})], 1))
        assert plan["well"].seconds < 60


class Slow(NamedTuple):
    number: int
    told: str
    least: float


@pytest.mark.parametrize("case", [Slow(1, "took 2.", 2.0), Slow(4, "took more than", 1.0)])
@pytest.mark.slow
def test_a_slow_unit_is_noted_wherever_it_is(
    plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Slow
) -> None:
    log = tmp_path / "log"

    def mostly_quick(image: np.ndarray) -> np.ndarray:
        with log.open("a") as file:
            file.write("x")
        time.sleep(2.2 if log.stat().st_size == case.number else 0.001)
        return image

    monkeypatch.setattr(measurement, "MOST_SECONDS", 1.0 if "more" in case.told else 60.0)
    workers = 2 if "more" in case.told else 1
    plan = exhaust(planning(plate, [mostly_quick], workers, executor="threads"))
    assert any(case.told in note and "much longer than others" in note for note in plan.notes)
    assert case.least < plan["well"].seconds < 10
    assert plan.pilot.starting + plan.pilot.ending < 1


def test_a_failed_pilot_is_not_reused(plate: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.touch()

    def stumble(image: np.ndarray) -> np.ndarray:
        if broken.exists():
            raise RuntimeError("a model is missing")
        return image

    first = exhaust(planning(plate, [stumble], 1, executor="serial"))
    assert math.isnan(first["well"].seconds)
    assert "no unit could be measured" in first.reason
    broken.unlink()
    second = exhaust(planning(plate, [stumble], 1, executor="serial"))
    assert second["well"].seconds > 0
    assert not second.notes


def test_rewritten_files_are_measured_again(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate", PlatePlan(("B02", "B03"), 1, 2, 1, size=32))
    blocks = Blocks.of(aw.open_dataset(folder).index, PLAIN)
    assert (
        list(measuring(aw.RunPlan(aw.open_dataset(folder), PLAIN, executor="serial", workers=1), blocks))
        != []
    )
    write_plate(folder, PlatePlan(("B02", "B03"), 1, 2, 1, size=64))
    assert (
        list(measuring(aw.RunPlan(aw.open_dataset(folder), PLAIN, executor="serial", workers=1), blocks))
        != []
    )


@pytest.mark.slow
def test_units_that_kill_their_worker_are_noted(plate: Path) -> None:
    def fatal(image: np.ndarray) -> np.ndarray:
        if image.sum() % 3 == 0:
            os._exit(3)
        return image

    plan = exhaust(planning(plate, [fatal], 2))
    lost = len(plan.pilot.failed)
    assert 0 < lost < plan.pilot.tried == 16
    assert any(note.startswith(f"{lost} of 16 units of the pilot failed") for note in plan.notes)


class Refused(NamedTuple):
    arguments: dict[str, object]
    told: str


@pytest.mark.parametrize(
    "case",
    [
        Refused({"workers": 0}, "workers=0"),
        Refused({"axes": []}, "name at least one axis"),
        Refused({"axes": "plate"}, "'plate' is not a component"),
        Refused({"executor": "clusters"}, "executor='clusters'"),
        Refused({"executor": ThreadPoolExecutor(1)}, "does not state its number of workers"),
    ],
    ids=lambda case: case.told,
)
def test_errors_are_raised_before_anything_runs(plate: Path, case: Refused) -> None:
    with pytest.raises(ValueError, match=re.escape(case.told)):
        next(planning(plate, [gaussian], **case.arguments))


def test_axes_may_be_a_string_and_are_deduplicated(plate: Path) -> None:
    assert aw.plan(plate, [gaussian], axes="well", executor="serial")["axis"].tolist() == ["well"]
    made = exhaust(comparing(plate, [gaussian], ["well", "well"], executor="serial", units=4, rounds=1))
    assert made.axes == ("well",)


def test_serial_has_one_worker_whatever_is_requested(plate: Path) -> None:
    assert aw.plan(plate, [gaussian], 4, executor="serial")["lanes"].tolist() == [1] * 4


def test_values_with_commas_make_no_ambiguous_product() -> None:
    array = np.zeros((2, 2, 2, 8, 8), np.uint8)
    dataset = aw.open_dataset(array, axes=("a", "b", "c"))
    components = {"a": ("x", "x,y"), "b": ("y,z", "z"), "c": ("1", "2")}
    dataset = replace(dataset, index=replace(dataset.index, components=components))
    plan = exhaust(planning(dataset, [gaussian], 8, executor="threads"))
    assert [row.axis for row in plan.axes] == ["a", "b", "c", "a,c", "b,c"]
    assert "commas" in aw.plan(dataset, [gaussian], axes=[("a", "b")], executor="serial")["note"][0]
