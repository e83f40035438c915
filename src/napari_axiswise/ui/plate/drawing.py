"""The pictures of a plate, one for each place of the sliders, drawn from what the tasks of a run wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from napari.utils.colormaps import ensure_colormap

from ...core.events import TaskEvent
from ...pipeline.pipeline import Pipeline
from ...plates.geometry import PlateGeometry
from ...results.records import TaskOutput
from ...runs.result import RunResult
from .model import PlateChoice
from .picture import RGB, SIGNS, PlatePicture, floor
from .states import FieldState, NotedStates, PlateStates, sliders_of
from .text import backdrop, write_strip
from .values import COUNT, HeatValues, PlateValues, ThumbnailValues

MOST_PICTURES = 8
"""Places of the sliders that are kept in memory, so that going back and forth is quick."""

Place = tuple[tuple[str, int], ...]
"""A place of the sliders: components, and the indices of their values."""


class PlateDrawing:
    """Draws a plate as the tasks of a run land.

    `take` and `draw` may be slow, and are called from one thread; the rest is quick.

    Parameters
    ----------
    result : RunResult
        Of a run that may still be going on.
    choice : PlateChoice
        What is shown.

    Attributes
    ----------
    names : tuple of str
        The components that tell apart what is shown: all, until the first task has landed.
    geometry : PlateGeometry
        For those.
    wanted : tuple
        The place of the sliders that is looked at.

    Raises
    ------
    ValueError
        There is no plate, or the pipeline does not make what is to be shown.
    """

    def __init__(self, result: RunResult, choice: PlateChoice) -> None:
        if not choice.fits(result.pipeline):
            raise ValueError(_advice(result.pipeline, choice))
        self.choice = choice
        self._dataset = result.dataset
        self._states = PlateStates(
            result.dataset.index, result.axis, _noted(result, choice), is_of_planes=not choice.column
        )
        self.values = _values(result, choice)
        self.names = tuple(result.dataset.components)
        self.geometry = self._geometry(self.names)
        self.wanted: Place = tuple((name, 0) for name in sliders_of(self.names))
        self._pictures: dict[Place, PlatePicture] = {}
        self._backdrop: RGB | None = None

    def picture(self, place: Place) -> PlatePicture | None:
        """Return the picture for a place of the sliders, or None if it has yet to be drawn."""
        return self._pictures.get(place)

    def take(self, events: Sequence[TaskEvent]) -> bool:
        """Take note of what happened, and draw it. Return whether planes have other components than was thought.

        Raises
        ------
        ValueError
            The step did not keep the wells, or its table has no such column.
        OSError
            What tasks wrote cannot be read.
        """
        for event in events:
            self._states.take(event)
        outputs = [event.result for event in events if isinstance(event.result, TaskOutput)]
        self.values.take(outputs)
        found, place = self.values.names, self.wanted
        is_other = found is not None and found != self.names
        if found is not None and is_other:
            self.geometry = self._geometry(found)
            self.names = found
            place = tuple((name, code) for name, code in place if name in sliders_of(found))
            self.wanted = place
        picture = None if is_other else self._pictures.get(place)
        self._fill(picture or self._empty(), place, is_new=picture is None)
        # The others are no longer what they should be; only now, so that there is something to show all the time.
        self._pictures = {place: self._pictures[place]}
        return is_other

    def draw(self, place: Place) -> None:
        """Draw the picture for a place of the sliders."""
        self._fill(self._empty(), place, is_new=True)

    def _empty(self) -> PlatePicture:
        if self._backdrop is None:
            self._backdrop = backdrop(self.geometry)
        return PlatePicture(self.geometry, self._backdrop, self.values.colouring)

    def _fill(self, picture: PlatePicture, place: Place, is_new: bool) -> None:
        """Draw what there is for a place of the sliders, or what is new of that."""
        fixed = dict(place)
        source = self.values.every if is_new else self.values.latest
        for places, pixels in source(self.geometry, fixed):
            picture.set_values(places, pixels, self.values.is_exact)
        states = self._states.of(self.geometry, fixed)
        is_done = states == FieldState.DONE
        if self.choice.column == COUNT:
            without = np.argwhere(is_done & ~picture.shown)
            picture.set_values(without, np.zeros((len(without), 1, 1)), exact=True)
        elif not self.choice.column:
            # A task that is done has written the planes that there are.
            states[is_done] = FieldState.FAILED
        picture.set_states(states)
        colouring = self.values.colouring
        if is_new or not colouring.same_as(picture.colouring):
            picture.set_colouring(colouring)
            signs = [(state, name) for state, name in SIGNS.items() if self._needs(state)]
            bar = None if self.values.is_exact and not self.choice.column else colouring
            write_strip(picture.rgb, self.geometry, str(self.choice), signs, bar)
        picture.draw()
        # Another thread looks pictures up: it gets the old ones or the new.
        kept = list(self._pictures.items())[1 - MOST_PICTURES :]
        self._pictures = dict(kept) | {place: picture}

    def _needs(self, state: FieldState) -> bool:
        """Return whether a sign can be in the picture."""
        return state is not FieldState.DONE or (self.choice.column not in ("", COUNT))

    def blank(self) -> RGB:
        """Return what is shown before anything is drawn."""
        return floor(self.geometry.shape)

    def _geometry(self, names: Sequence[str]) -> PlateGeometry:
        components: Mapping[str, tuple[str, ...]] = {
            name: self._dataset.components[name]
            for name in names
            if name == "well" or not self.values.is_of_wells or name in sliders_of(names)
        }
        made = PlateGeometry.of(components, self._dataset.calibration, self._dataset.shape)
        if made is None:
            raise ValueError(
                "There is no plate to show: the planes are not in wells A01 to AF48. "
                "Open data with a component well, and let steps not stack it."
            )
        return made


def _values(result: RunResult, choice: PlateChoice) -> PlateValues:
    if not choice.column:
        return ThumbnailValues(result.store, result.pipeline[choice.step])
    colours = ensure_colormap(choice.colormap).map(np.linspace(0, 1, 256))
    table = (255 * colours[:, :3] + 0.5).astype(np.uint8)
    return HeatValues(result.store, choice.step, choice.column, choice.statistic, table)


def _noted(result: RunResult, choice: PlateChoice) -> NotedStates | None:
    states = None if choice.column else result.store.states.get(choice.step)
    return None if states is None else NotedStates(result.store.steps[choice.step].grid.names, states)


def _advice(pipeline: Pipeline, choice: PlateChoice) -> str:
    there = choice.steps(pipeline)
    what = "table" if choice.column else "images or labels"
    return (
        f"No step {choice.step!r} of this pipeline keeps {what}: use one of {', '.join(there)}."
        if there
        else f"No step of this pipeline keeps {what}: give one keep=True."
    )
