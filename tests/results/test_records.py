"""The sum of works does not depend on how they are grouped."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_axiswise.results.records import (
    TaskOutput,
    Work,
    WrittenPlanes,
    WrittenTable,
    WrittenThumbnails,
)

STRETCHES = 12
"""Number of stretches in each file of an example."""


def planes_of(number: int, step: str, dtype: str) -> WrittenPlanes:
    codes = np.array([[number, 0]], np.int32)
    return WrittenPlanes(
        step, ("well", "site"), None, codes, (4, 5), dtype, (-number, number), "image", "plate"
    )


@st.composite
def works(draw: st.DrawFn) -> list[Work]:
    """Draw works whose rows and thumbnails are stretches of the same files, in any order."""
    numbers = draw(st.permutations(range(STRETCHES)))
    steps = st.sampled_from(("cells", "spots"))
    drawn = []
    while numbers:
        count = draw(st.integers(1, 4))
        some = [(number, draw(steps)) for number in numbers[:count]]
        numbers = numbers[count:]
        seconds = [float(draw(st.integers(0, 99))) for _ in range(5)]
        drawn.append(
            Work(
                planes=[planes_of(n, step, draw(st.sampled_from(("uint8", "uint16")))) for n, step in some],
                tables=[WrittenTable(step, "rows", n * 10, n * 10 + 10, n) for n, step in some],
                thumbnails=[
                    WrittenThumbnails(step, ("well",), (2, 2), "uint8", "t", n * 4, n * 4 + 4)
                    for n, step in some
                ],
                plane_count=draw(st.integers(0, 9)),
                unit_count=draw(st.integers(0, 9)),
                started=seconds[0],
                stopped=seconds[1],
                reading=seconds[2],
                computing=seconds[3],
                writing=seconds[4],
                worker=draw(st.sampled_from(("", "a", "b"))),
                peak_memory=draw(st.integers(0, 9)),
            )
        )
    return drawn


def values(work: Work) -> dict[str, object]:
    """Return a work as values that can be compared."""
    planes = [(each.step, each.dtype, each.codes.tolist(), each.limits) for each in work.planes]
    return {field.name: getattr(work, field.name) for field in fields(work)} | {"planes": planes}


@given(works(), st.data())
def test_addition_is_associative(works: list[Work], data: st.DataObject) -> None:
    total = values(Work.total(works))
    while len(works) > 1:
        place = data.draw(st.integers(0, len(works) - 2))
        works[place : place + 2] = [works[place] + works[place + 1]]
    assert values(works[0] + Work()) == values(Work() + works[0]) == total


def test_stretches_are_joined_to_earlier_ones_that_they_follow() -> None:
    def joined(*starts: int) -> list[tuple[int, int, int]]:
        works = [Work(tables=[WrittenTable("cells", "rows", start, start + 10, 2)]) for start in starts]
        return [(table.start, table.stop, table.rows) for table in Work.total(works).tables]

    assert joined(0, 30, 10, 20, 50) == [(0, 40, 8), (50, 60, 2)]
    assert joined(10, 0) == [(10, 20, 2), (0, 10, 2)], "the order of rows is kept"


def test_an_output_is_merged_with_what_an_earlier_run_wrote() -> None:
    first = TaskOutput.of("B02", "folder", Work(unit_count=2, started=1, stopped=2, reading=1, worker="a"))
    second = TaskOutput.of("B02", "folder", Work(unit_count=3, started=5, stopped=6, reading=1, worker="b"))
    merged = second.merged_with(first)
    assert (merged.unit_count, merged.started, merged.stopped, merged.reading) == (5, 1, 6, 2)
    assert merged.worker == "b"
