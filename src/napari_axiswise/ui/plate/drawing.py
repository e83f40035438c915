"""Pictures of a plate, one per slider position, drawn from the outputs of tasks."""

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
from .states import FieldState, PlateStates, RecordedStates, sliders_of
from .text import backdrop, write_strip
from .values import COUNT, HeatValues, PlateValues, ThumbnailValues

MAX_PICTURES = 8
"""Number of slider positions whose pictures stay in memory, so that going back and forth is quick."""

Place = tuple[tuple[str, int], ...]
"""A slider position: pairs of component and index of its value."""


class PlateDrawing:
    """Drawing of a plate that is updated as tasks finish.

    `update` and `draw` may be slow, and are called from one thread; everything else is quick.

    Parameters
    ----------
    result : RunResult
        Result of a run, which may still be going on.
    choice : PlateChoice
        The contents of the plate.

    Attributes
    ----------
    names : tuple of str
        The components of the contents: all of the dataset's until the first task has finished.
    geometry : PlateGeometry
        The layout of the picture for these components.
    wanted : tuple
        The current slider position.

    Raises
    ------
    ValueError
        The data has no plate, or the pipeline does not keep the chosen output.
    """

    def __init__(self, result: RunResult, choice: PlateChoice) -> None:
        if not choice.fits(result.pipeline):
            raise ValueError(_no_step_message(result.pipeline, choice))
        self.choice = choice
        self._dataset = result.dataset
        self._states = PlateStates(
            result.dataset.index,
            result.axis,
            _recorded_states(result, choice),
            is_of_planes=not choice.column,
        )
        self.values = _values(result, choice)
        self.names = tuple(result.dataset.components)
        self.geometry = self._geometry(self.names)
        self.wanted: Place = tuple((name, 0) for name in sliders_of(self.names))
        self._pictures: dict[Place, PlatePicture] = {}
        self._backdrop: RGB | None = None

    def picture(self, place: Place) -> PlatePicture | None:
        """Return the picture at a slider position; None if it has not been drawn."""
        return self._pictures.get(place)

    def update(self, events: Sequence[TaskEvent]) -> bool:
        """Draw the effect of some events, and return whether the planes have other components than assumed.

        Raises
        ------
        ValueError
            The step stacks the wells, or its table does not have the column.
        OSError
            The output of a task cannot be read.
        """
        for event in events:
            self._states.update(event)
        outputs = [event.result for event in events if isinstance(event.result, TaskOutput)]
        self.values.update(outputs)
        found, place = self.values.names, self.wanted
        is_other = found is not None and found != self.names
        if found is not None and is_other:
            self.geometry = self._geometry(found)
            self.names = found
            place = tuple((name, code) for name, code in place if name in sliders_of(found))
            self.wanted = place
        picture = None if is_other else self._pictures.get(place)
        self._fill(picture or self._empty(), place, is_new=picture is None)
        # The other pictures are out of date. They go only now, so that there is always one to show.
        self._pictures = {place: self._pictures[place]}
        return is_other

    def draw(self, place: Place) -> None:
        """Draw the picture at a slider position."""
        self._fill(self._empty(), place, is_new=True)

    def _empty(self) -> PlatePicture:
        if self._backdrop is None:
            self._backdrop = backdrop(self.geometry)
        return PlatePicture(self.geometry, self._backdrop, self.values.scale)

    def _fill(self, picture: PlatePicture, place: Place, is_new: bool) -> None:
        """Draw all values and states at a slider position, or only the new ones."""
        fixed = dict(place)
        source = self.values.all if is_new else self.values.latest
        for places, pixels in source(self.geometry, fixed):
            picture.set_values(places, pixels, self.values.is_exact)
        states = self._states.of(self.geometry, fixed)
        is_done = states == FieldState.DONE
        if self.choice.column == COUNT:
            without = np.argwhere(is_done & ~picture.shown)
            picture.set_values(without, np.zeros((len(without), 1, 1)), exact=True)
        elif not self.choice.column:
            # A finished task has written all of its planes, so a field without values failed.
            states[is_done] = FieldState.FAILED
        picture.set_states(states)
        scale = self.values.scale
        if is_new or not scale.same_as(picture.scale):
            picture.set_scale(scale)
            signs = [(state, name) for state, name in SIGNS.items() if self._needs(state)]
            bar = None if self.values.is_exact and not self.choice.column else scale
            write_strip(picture.rgb, self.geometry, str(self.choice), signs, bar)
        picture.draw()
        # Replaced in one step: the GUI thread looks up pictures at the same time.
        kept = list(self._pictures.items())[1 - MAX_PICTURES :]
        self._pictures = dict(kept) | {place: picture}

    def _needs(self, state: FieldState) -> bool:
        """Return whether a sign can occur in the picture."""
        return state is not FieldState.DONE or (self.choice.column not in ("", COUNT))

    def blank(self) -> RGB:
        """Return the picture shown before anything is drawn."""
        return floor(self.geometry.shape)

    def _geometry(self, names: Sequence[str]) -> PlateGeometry:
        components: Mapping[str, tuple[str, ...]] = {
            name: self._dataset.components[name]
            for name in names
            if name == "well" or not self.values.is_of_wells or name in sliders_of(names)
        }
        geometry = PlateGeometry.of(components, self._dataset.calibration, self._dataset.shape)
        if geometry is None:
            raise ValueError(
                "There is no plate to show: the planes have no wells between A01 and AF48. "
                "Open data with a component 'well', and do not stack it in a step."
            )
        return geometry


def _values(result: RunResult, choice: PlateChoice) -> PlateValues:
    if not choice.column:
        return ThumbnailValues(result.store, result.pipeline[choice.step])
    colours = ensure_colormap(choice.colormap).map(np.linspace(0, 1, 256))
    table = (255 * colours[:, :3] + 0.5).astype(np.uint8)
    return HeatValues(result.store, choice.step, choice.column, choice.statistic, table)


def _recorded_states(result: RunResult, choice: PlateChoice) -> RecordedStates | None:
    states = None if choice.column else result.store.states.get(choice.step)
    return None if states is None else RecordedStates(result.store.steps[choice.step].grid.names, states)


def _no_step_message(pipeline: Pipeline, choice: PlateChoice) -> str:
    names = choice.steps(pipeline)
    what = "a table" if choice.column else "images or labels"
    return (
        f"No step {choice.step!r} of this pipeline keeps {what}. Use one of {', '.join(names)}."
        if names
        else f"No step of this pipeline keeps {what}. Set keep=True for one."
    )
