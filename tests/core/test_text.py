"""Lists of names, values, durations and sizes as text."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_axiswise.core.text import (
    LONGEST_VALUE,
    format_bytes,
    format_seconds,
    format_value,
    join_names,
    printable,
    printable_lines,
    quote_names,
    shorten_pair,
)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], "none"),
        (["well"], "well"),
        (["well", "site"], "well and site"),
        (["well", "site", "channel"], "well, site and channel"),
        (range(1, 9), "1, 2, 3, 4, 5, 6, 7 and 8"),
        (range(1, 10), "1, 2, 3, 4, 5, 6, 7 and 2 more"),
        (range(1, 2001), "1, 2, 3, 4, 5, 6, 7 and 1,993 more"),
        (["a\nb"], r"a\nb"),
    ],
)
def test_join_names(names: list[object], text: str) -> None:
    assert join_names(names) == text


def test_join_names_with_other_words_and_lengths() -> None:
    assert join_names(["well", "site"], "or") == "well or site"
    assert join_names("abcdefghij", "") == "a, b, c, d, e, f, g, 3 more"
    assert join_names("abcd", most=3, separator="; ") == "a; b and 2 more"


def test_quote_names() -> None:
    assert quote_names(["raw", "nuclei"], "or") == "'raw' or 'nuclei'"
    assert quote_names(["x" * 50, "\u202e"]) == f"'{'x' * 40}' and '\\u202e'"
    assert quote_names({}) == "none"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Füße µ", "Füße µ"), ("a\u3000b", "a\u3000b"), ("a\nb\x1b", r"a\nb\x1b"), ("\udcff", r"\udcff")],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\n\tlines\r\nthree", "two\n\tlines\r\nthree"),
        ("over\rwritten\n", "over\\rwritten\n"),
        ("a\x1b]0;title\x07\n\x9b2K", r"a\x1b]0;title\x07" "\n" r"\x9b2K"),
    ],
)
def test_printable_lines(text: str, shown: str) -> None:
    assert printable_lines(text) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (math.nan, "–"),
        (math.inf, "–"),
        (0.042, "0.04 s"),
        (0.996, "1.0 s"),
        (2.54, "2.5 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h"),
        (7500, "2 h 5 min"),
        (86369, "23 h 59 min"),
        (86371, "1 d"),
        (97200, "1 d 3 h"),
    ],
)
def test_format_seconds(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (25e6, "25 MB"),
        (1.5e9, "1.5 GB"),
        (5e15, "5000 TB"),
    ],
)
def test_format_bytes(size: float, text: str) -> None:
    assert format_bytes(size) == text


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (("a", 1.5, None), "('a', 1.5, None)"),
        ({"b": {1, 2}, "a": "c\nd"}, r"{'a': 'c\nd', 'b': {1, 2}}"),
        (np.arange(3), "array([0, 1, 2])"),
        (np.zeros((5, 5), bool), "array(shape=(5, 5), dtype=bool, from False to False)"),
        (np.full(30, "x"), "array(shape=(30,), dtype=<U1)"),
        ([object()], "[<object object>]"),
        (Broken(), "<Broken instance>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_format_value(value: object, text: str) -> None:
    assert format_value(value) == text


@pytest.mark.parametrize(
    "value", ["x" * 10**6, list(range(10**6)), {"a": ["x" * 999] * 99}, 10**4000], ids=type
)
def test_texts_of_values_have_a_limit(value: object) -> None:
    assert len(format_value(value)) <= LONGEST_VALUE + 1


def test_shorten_pair() -> None:
    assert shorten_pair("a", "b") == ("a", "b")
    assert shorten_pair("a" * 20 + "b", "a" * 20 + "cd" * 9, most=8) == ("…aab", "…aacdcdcd…")
    assert shorten_pair("b" + "a" * 20, "c", most=8) == ("baaaaaaa…", "c")
