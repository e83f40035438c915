"""An array whose planes are read when they are looked at slices like numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from napari_axiswise.core.errors import PlaneError
from napari_axiswise.ui.viewer.arrays import PlaneStack

WHOLE = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)

KEYS = (
    np.s_[...],
    np.s_[0],
    np.s_[1, 2],
    np.s_[:, 1],
    np.s_[0, :, 2:4, ::2],
    np.s_[..., 1],
    np.s_[1, ..., 2:3],
    np.s_[np.int64(1), slice(None), slice(0, 4), slice(0, 5)],
    np.s_[0:0],
    np.s_[-1, -1],
)


def stack(read: object = WHOLE.__getitem__, plane_shape: tuple[int, int] = (4, 5)) -> PlaneStack:
    return PlaneStack((2, 3), plane_shape, WHOLE.dtype, read)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_it_slices_like_numpy(key: object) -> None:
    np.testing.assert_array_equal(stack()[key], WHOLE[key])


def test_it_converts_and_describes_itself_like_numpy() -> None:
    np.testing.assert_array_equal(np.asarray(stack()), WHOLE)
    assert (stack().shape, stack().ndim, stack().size, len(stack())) == ((2, 3, 4, 5), 4, 120, 2)


@pytest.mark.parametrize("error", [KeyError("not written"), PlaneError("cut short")])
def test_a_plane_that_is_not_there_is_black(error: Exception) -> None:
    def read(position: tuple[int, ...]) -> np.ndarray:
        if position == (1, 1):
            raise error
        return WHOLE[position]

    assert not stack(read)[1, 1].any()
    np.testing.assert_array_equal(stack(read)[1, 2], WHOLE[1, 2])


def test_planes_of_other_sizes_are_padded_or_cut() -> None:
    padded = stack(plane_shape=(6, 3))[0, 0]
    np.testing.assert_array_equal(padded[:4], WHOLE[0, 0, :, :3])
    assert not padded[4:].any()


def test_without_leading_axes_there_is_one_plane() -> None:
    single = PlaneStack((), (4, 5), WHOLE.dtype, lambda position: WHOLE[0, 0])
    np.testing.assert_array_equal(single[1:, 2], WHOLE[0, 0, 1:, 2])
