"""A synthetic time-lapse plate of moving and dividing cells, written as an ImageXpress export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WAVES = ("DAPI", "GFP")


@dataclass(frozen=True)
class PlatePlan:
    """Size and content of a synthetic plate.

    Parameters
    ----------
    wells : tuple of str
        Wells of the plate. From each to the next, cells move and divide faster and the second channel is brighter.
    sites, timepoints, channels : int
        Number of each.
    size : int
        Height and width of a plane, in pixels.
    pixel_size : float
        Size of a pixel, in micrometers.
    """

    wells: tuple[str, ...] = ("B02", "B03", "B04", "C02", "C03", "C04")
    sites: int = 2
    timepoints: int = 8
    channels: int = 2
    size: int = 256
    pixel_size: float = 0.65

    def __len__(self) -> int:
        return len(self.wells) * self.sites * self.timepoints * self.channels


def write_plate(folder: Path, plan: PlatePlan | None = None, seed: int = 0) -> Path:
    """Write a synthetic plate as TIFF files in the ImageXpress layout.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    plan : PlatePlan, optional
        Size and content of the plate. By default, 6 wells, 2 sites, 8 timepoints and 2 channels.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    Path
        `folder`.
    """
    from tifffile import imwrite

    plan = plan or PlatePlan()
    for well_number, well in enumerate(plan.wells):
        for site in range(1, plan.sites + 1):
            random = np.random.default_rng((seed, well_number, site))
            movie = simulate_cells(random, plan, vigour=well_number / max(1, len(plan.wells) - 1))
            for timepoint, planes in enumerate(movie, 1):
                target = folder / f"TimePoint_{timepoint}"
                target.mkdir(parents=True, exist_ok=True)
                for channel, plane in enumerate(planes, 1):
                    imwrite(
                        target / f"Synthetic_{well}_s{site}_w{channel}.TIF",
                        plane,
                        description=_metaseries(plan.pixel_size),
                        metadata=None,
                    )
    (folder / "Synthetic.HTD").write_text(_sheet(plan), encoding="latin-1")
    return folder


def simulate_cells(random: np.random.Generator, plan: PlatePlan, vigour: float) -> Iterator[NDArray[Any]]:
    """Yield the planes of each timepoint of one site, shape (channels, Y, X), uint16.

    Parameters
    ----------
    random : numpy.random.Generator
        Random number generator.
    plan : PlatePlan
        Number of timepoints and channels, and size of a plane.
    vigour : float
        Speed of cells, rate of division and brightness of the second channel, from 0 to 1.
    """
    size = plan.size
    centres = random.uniform(0.08 * size, 0.92 * size, (random.integers(12, 18), 2))
    radii = random.uniform(5.0, 7.5, len(centres))
    y, x = np.mgrid[:size, :size].astype(np.float32)
    shading = 1.0 - 0.25 * (((y - size / 2) ** 2 + (x - size / 2) ** 2) / (size**2 / 2))
    for _ in range(plan.timepoints):
        nuclei = np.zeros((size, size), np.float32)
        halos = np.zeros_like(nuclei)
        for (row, column), radius in zip(centres, radii, strict=True):
            top, left = (max(0, int(centre - 8 * radius)) for centre in (row, column))
            around = np.s_[top : int(row + 8 * radius), left : int(column + 8 * radius)]
            distance = np.hypot(y[around] - row, x[around] - column)
            np.maximum(nuclei[around], 1.0 / (1.0 + np.exp(2.0 * (distance - radius))), out=nuclei[around])
            np.maximum(halos[around], np.exp(-0.5 * (distance / (2.2 * radius)) ** 2), out=halos[around])
        signals = (120.0 + 900.0 * nuclei, 90.0 + (150.0 + 700.0 * vigour) * halos)
        channels = [signals[number % 2] * shading for number in range(plan.channels)]
        noisy = random.poisson(np.stack(channels)) + random.normal(0.0, 4.0, (plan.channels, size, size))
        yield np.clip(noisy, 0, 65535).astype(np.uint16)
        centres += random.normal(0.0, 1.0 + 3.0 * vigour, centres.shape)
        divide = random.random(len(centres)) < 0.04 + 0.08 * vigour
        offset = random.normal(0.0, 1.0, (int(divide.sum()), 2))
        offset *= 8.0 / np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-6)
        daughters = centres[divide] + offset
        centres[divide] -= offset
        centres = np.clip(np.concatenate([centres, daughters]), 4, size - 5)
        radii = np.concatenate([radii, radii[divide]])


def _metaseries(pixel_size: float) -> str:
    return (
        "<MetaData>"
        '<prop id="spatial-calibration-state" type="bool" value="on"/>'
        f'<prop id="spatial-calibration-x" type="float" value="{pixel_size}"/>'
        f'<prop id="spatial-calibration-y" type="float" value="{pixel_size}"/>'
        '<prop id="spatial-calibration-units" type="string" value="um"/>'
        "</MetaData>"
    )


def _sheet(plan: PlatePlan) -> str:
    lines = [
        '"HTSInfoFile", Version 1.0',
        f'"TimePoints", {plan.timepoints}',
        f'"NWavelengths", {plan.channels}',
    ]
    lines += [f'"WaveName{number}", "{WAVES[(number - 1) % 2]}"' for number in range(1, plan.channels + 1)]
    return "\r\n".join([*lines, '"EndFile"', ""])
