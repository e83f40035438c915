"""Patterns that are inferred from file names: what instruments write, and what must not be read into nonsense."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

import napari_axiswise as aw
from napari_axiswise.layouts.filenames import AnyImages, InferredNames, KnownPattern, UserPattern
from napari_axiswise.layouts.folder import Folder, Walk
from napari_axiswise.layouts.layout import make_planes
from napari_axiswise.layouts.naming.inference import infer_patterns

WELLS = ("A01", "A02", "B11", "H12")
GUIDS = ("0a1b2c3d-0a1b-2c3d-4e5f-0123456789ab", "a1b2c3d4-0a1b-2c3d-4e5f-0123456789ab")


def walked(names: list[str]) -> Folder:
    return Folder(Path("nowhere"), Walk(images=sorted(names)))


def components_of(names: list[str]) -> dict[str, tuple[str, ...]]:
    """Return the components that the names of a folder give, all of whose files have to be planes."""
    folder = walked(names)
    found = KnownPattern().find(folder) or InferredNames().find(folder) or AnyImages().find(folder)
    assert found is not None
    planes, problems = make_planes("nowhere", found, {})
    assert not problems
    assert len(planes) == len(names)
    return dict(planes.components)


@dataclass(frozen=True)
class Convention:
    """Names of an instrument, as a format of their values, and the components of these."""

    what: str
    text: str
    values: tuple[tuple[object, ...], ...]
    components: tuple[str, ...]

    def __str__(self) -> str:
        return self.what.replace(" ", "-")

    @property
    def names(self) -> list[str]:
        return [self.text.format(*values, n=number) for number, values in enumerate(product(*self.values))]


TWO = (1, 2)
DYES = ("DAPI", "GFP")
CONVENTIONS = (
    Convention("InCell 7.2", "{0[0]}_{0[1]}{0[2]}_f{1}_c{2}_xUV_z{3}_t{4}.tif", (WELLS, TWO, TWO, TWO, TWO),
               ("well", "site", "timepoint", "channel", "z_index")),
    Convention("Incucyte by date", "VID12_{}_{}_2023y03m{:02}d_{:02}h15m.tif", (WELLS, TWO, TWO, (0, 12)),
               ("well", "site", "timepoint")),
    Convention("Incucyte since the start", "exp_{}_{}_{:02}d{:02}h00m.tif", (WELLS, TWO, (0, 1), (0, 6)),
               ("well", "site", "timepoint")),
    Convention("Incucyte in its archive", "{}-{}-{}.tif", (WELLS, TWO, ("C1", "Ph")), ("well", "site", "channel")),
    Convention("MetaMorph stage and time", "series_20240816_s{}_t{}.TIF", (TWO, (1, 2, 10)), ("site", "timepoint")),
    Convention("MetaMorph wave and time", "Dish2_w{0[0]}{0[1]}_t{1}.TIF", (((1, "FRET"), (2, "CFP")), TWO),
               ("timepoint", "channel")),
    Convention("MetaMorph wave with digits", "exp_w{0[0]}{0[1]}_s{1}_t{2}.TIF", (((1, "Cy5"), (12, "DAPI")), TWO, TWO),
               ("site", "timepoint", "channel")),
    Convention("tokens in another order", "p1_{}_t{}_s{}_w{}.tif", (WELLS, TWO, TWO, TWO),
               ("well", "site", "timepoint", "channel")),
    Convention("Nikon", "Well{}_Point{:04}_Channel{}_Seq{n:04}.tif", (WELLS, TWO, DYES), ("well", "site", "channel")),
    Convention("Nikon with the well twice", "Well_{0}_Point_{0}_{1:04}_Channel{2}_Seq{n:04}.tif", (WELLS, TWO, DYES),
               ("well", "site", "channel")),
    Convention("ImageJ", "t{:03}_z{:02}_c{}.tif", (TWO, TWO, TWO), ("timepoint", "channel", "z_index")),
    Convention("capital tokens", "img_T{:03}_Z{:02}_C{:02}.tif", (TWO, TWO, TWO), ("timepoint", "channel", "z_index")),
    Convention("row and column words", "row{}_col{}_field{}.tif", (TWO, TWO, TWO), ("well", "site")),
    Convention("row and column letters", "R{:02}-C{:02}-F{}-CH{}.tif", (TWO, TWO, TWO, TWO),
               ("well", "site", "channel")),
    Convention("dyes", "{}_{:02}_{}.tif", (WELLS, TWO, ("DAPI", "mCherry", "Alexa488")), ("well", "site", "channel")),
    Convention("folders of dyes", "{2}/{0}_{1:02}.tif", (WELLS, TWO, DYES), ("well", "site", "channel")),
    Convention("folders of plates and wells", "plate{}/{}/f{:02}_t{}.tif", (TWO, WELLS, TWO, (0, 1)),
               ("plate", "well", "site", "timepoint")),
    Convention("hours", "{}_{}h_{}.tif", (WELLS, (0, 6, 12), ("red", "phase")), ("well", "timepoint", "channel")),
    Convention("a component of its own", "{}_dose{}_t{}.tif", (WELLS, TWO, TWO), ("dose", "well", "timepoint")),
    Convention("384 wells", "plate_{}{:02}.tif", ("ABHIOP", (1, 12, 13, 24)), ("well",)),
    Convention("1536 wells", "plate_{}{:02}_{}.tif", (("A", "P", "Q", "Z", "AA", "AF"), (1, 24, 48), DYES),
               ("well", "channel")),
    Convention("planes of Harmony", "r{:02}c{:02}f{:02}p{:02}-ch{}t{:02}.tiff", (TWO, TWO, TWO, TWO, TWO, TWO),
               ("well", "site", "timepoint", "channel", "z_index")),
    Convention("ScanR with the well after its number", "W{0[0]:05}--{0[1]}--P{1:05}--Z00000--T00000--{2}.tif",
               (((1, "A1"), (2, "A2"), (96, "H12")), TWO, DYES), ("well", "site", "timepoint", "channel", "z_index")),
    Convention("fields that look like wells", "exp_f{:02}_t{}.tif", (TWO, TWO), ("site", "timepoint")),
    Convention("NIS positions", "exp_xy{:02}c{}t{:03}.tif", (TWO, TWO, TWO), ("site", "timepoint", "channel")),
    Convention("words for all", "stage{}_time{}_{}.tif", (TWO, TWO, DYES), ("site", "timepoint", "channel")),
    Convention("spaces", "Well {} Field {} {}.tif", (WELLS, TWO, DYES), ("well", "site", "channel")),
    Convention("words that are not ASCII", "{}_{}.tif", (WELLS, ("grün", "röt")), ("well", "channel")),
    Convention("slices and projections", "{}_{}.tif", (WELLS, ("z01", "z02", "MIP")), ("well", "z_index")),
    Convention("projections after z", "{}_s{}_z{}.tif", (WELLS, TWO, ("1", "2", "MaxProj")),
               ("well", "site", "z_index")),
    Convention("channels of one or two words", "{}_f{}_{}.tif", (WELLS, TWO, ("Alexa 488", "DAPI", "FITC-Dual")),
               ("well", "site", "channel")),
    Convention("rows and columns like an image of Leica", "Row{}_Col{}_Ch{}.tif", (TWO, (1, 2, 3), TWO),
               ("well", "channel")),
    Convention("wells like an image of Leica", "x/{}_s{}_t1_ch{}.tif", (WELLS, TWO, TWO),
               ("well", "site", "timepoint", "channel")),
    Convention("24 wells", "x-{}{}.png", ("ABCD", (1, 2, 6)), ("well",)),
)  # fmt: skip


@pytest.mark.parametrize("convention", CONVENTIONS, ids=str)
def test_names_of_instruments_are_components(convention: Convention) -> None:
    components = components_of(convention.names)
    assert tuple(components) == convention.components


@pytest.mark.parametrize("convention", CONVENTIONS, ids=str)
def test_the_inferred_pattern_gives_the_same_planes(convention: Convention) -> None:
    folder = walked(convention.names)
    found = InferredNames().find(folder)
    assert found is not None
    assert found.pattern is not None
    by_pattern = UserPattern(found.pattern).find(folder)
    assert by_pattern is not None

    planes, expected = (make_planes("nowhere", rows, {})[0] for rows in (found, by_pattern))
    assert planes.components == expected.components
    assert planes.codes.tolist() == expected.codes.tolist()
    assert planes.files == expected.files


def test_times_are_in_order() -> None:
    names = [f"VID1_A1_1_2023y03m{day:02}d_{hour:02}h15m.tif" for day in (1, 2) for hour in (0, 12)]
    names += [name.replace("A1", "B12") for name in names]
    times = components_of(names)["timepoint"]
    assert times == ("2023y03m01d_00h15m", "2023y03m01d_12h15m", "2023y03m02d_00h15m", "2023y03m02d_12h15m")


def test_images_of_leica_that_are_no_wells_stay_images() -> None:
    names = [f"exp{run}_Position{site:03}_ch00.tif" for run in TWO for site in TWO]
    assert components_of(names)["image"] == ("exp1", "exp2")


NO_READING = {
    "photos": [f"IMG_{number:04}.tif" for number in range(9)],
    "photos by their time": [f"20240101_1200{number:02}.jpg" for number in range(9)],
    "photos of another maker": [f"P10001{number:02}.JPG" for number in range(9)],
    "two words": ["left.tif", "right.tif"],
    "unrelated names": ["cells_T1.tif", "nuclei_S2.tif"],
    "hashes": ["a3f9c1.tif", "77be20.tif", "0cd1e9.tif", "fe0aa1.tif"],
    "GUIDs": [f"{guid}.tif" for guid in GUIDS],
    "a size in the name": ["xy_8bit__t1.tif", "xy_16bit_t1.tif", "xy_8bit__t70.tif", "img.tif"],
}


@pytest.mark.parametrize("what", NO_READING)
def test_names_that_say_nothing_stay_images(what: str) -> None:
    folder = walked(NO_READING[what])
    assert list(components_of(NO_READING[what])) == ["image"]
    found = AnyImages().find(folder)
    assert found is not None
    assert not found.problems


UNCLEAR = {
    "two numbers": [f"{well}_{one}_{two}.tif" for well in WELLS for one in TWO for two in TWO],
    "a number beside a channel": [
        f"exp_{number:03}_c{channel}.tif" for number in range(3) for channel in TWO
    ],
    "seconds since 1970": [
        f"{well}_{seconds}.tif" for well in WELLS for seconds in (1_700_000_000, 1_700_000_060)
    ],
    "a plate or a row": [f"P{plate}{row}{column:02}.tif" for plate in TWO for row in "AB" for column in TWO],
    "a row or a channel": [f"exp-C{number:02}_{time}h.tif" for number in TWO for time in (0, 6)],
}


@pytest.mark.parametrize("what", UNCLEAR)
def test_where_names_are_unclear_two_patterns_are_suggested(what: str) -> None:
    folder = walked(UNCLEAR[what])
    found = AnyImages().find(folder)
    assert found is not None
    assert InferredNames().find(folder) is None
    (problem,) = found.problems
    patterns = infer_patterns(folder.images).patterns
    assert all(repr(pattern) in problem.reason for pattern in patterns[:2])
    for pattern in patterns:
        rows = UserPattern(pattern).find(folder)
        assert rows is not None
        planes, problems = make_planes("nowhere", rows, {})
        assert len(planes) == len(folder.images)
        assert not problems


def test_names_of_another_form_are_listed() -> None:
    folder = walked([*CONVENTIONS[3].names, "overview.tif"])
    found = InferredNames().find(folder)
    assert found is not None
    assert [problem.path for problem in found.problems] == ["overview.tif"]


def test_many_names_of_which_few_differ_are_all_read() -> None:
    """A value that is rare among 20,000 names need not be in a sample of them."""
    names = [f"p_{row}{column:02}_t{t}_s{s}_w1.tif"
             for row, column, t, s in product("ABCDEFGH", range(1, 13), range(26), range(8))]  # fmt: skip
    components = components_of([*names, "p_A01_t0_s0_w2.tif", "q_A01_t0_s0_w1.tif"])
    assert components["channel"] == ("1", "2")
    assert components["plate"] == ("p", "q")


def test_patterns_are_suggested_with_their_components(tmp_path: Path) -> None:
    for one, two in product(TWO, TWO):
        (tmp_path / f"A01_{one}_{two}.tif").write_bytes(b"")
        (tmp_path / f"B12_{one}_{two}.tif").write_bytes(b"")
    first, second, *_ = aw.suggest_patterns(tmp_path)
    assert first.pattern == "{well}_{site:[0-9]+}_{timepoint:[0-9]+}.tif"
    assert first.components == {"well": ("A01", "B12"), "site": ("1", "2"), "timepoint": ("1", "2")}
    assert second.components.keys() == {"well", "site", "z_index"}
    assert str(first).endswith("(2 × well, 2 × site, 2 × timepoint)")


def test_patterns_of_a_folder_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        aw.suggest_patterns("nowhere")
