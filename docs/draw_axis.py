"""Draw ``images/axis.svg``: the same planes split by well, by timepoint, and by well with timepoints together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

WELLS = ("B02", "B03", "B04")
TIMEPOINTS = ("1", "2", "3", "4")
COLOURS = ("#5b8def", "#e8943a", "#9b6dd7", "#3fae8c")

CELL, GAP = 44, 8
PITCH = CELL + GAP
LEFT, TOP = 44, 96
PANEL = LEFT + len(TIMEPOINTS) * PITCH + 40
WIDTH, HEIGHT = 3 * PANEL + 20, TOP + len(WELLS) * PITCH + 66

STYLE = """
  text { font-family: system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; fill: #24292f; font-size: 14px }
  .title { font-size: 16px; font-weight: 600 }
  .small { fill: #57606a }
  .middle { text-anchor: middle }
  .end { text-anchor: end }
  .unit { stroke: #24292f; stroke-width: 1.5 }
"""


def text(x: float, y: float, words: str, style: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{style}">{words}</text>'


def box(x: float, y: float, width: float, height: float, colour: str, style: str = "unit") -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill="{colour}" class="{style}"/>'


def panel(left: float, title: str, counts: str, axis: str, stacked: bool) -> Iterator[str]:
    """Yield the shapes of one drawing: a row per well, a column per timepoint, a colour per task."""
    yield text(left, 34, title, "title")
    yield text(left, 56, counts, "small")
    for column, timepoint in enumerate(TIMEPOINTS):
        yield text(left + LEFT + column * PITCH + CELL / 2, TOP - 10, f"t{timepoint}", "small middle")
    for row, well in enumerate(WELLS):
        y = TOP + row * PITCH
        yield text(left + 34, y + CELL / 2 + 5, well, "small end")
        if stacked:
            yield box(left + LEFT, y, len(TIMEPOINTS) * PITCH - GAP, CELL, COLOURS[row])
        for column in range(len(TIMEPOINTS)):
            x = left + LEFT + column * PITCH
            if stacked:
                yield f'<rect x="{x + 7:g}" y="{y + 7:g}" width="30" height="30" rx="3" fill="#ffffff" opacity="0.35"/>'
            else:
                yield box(x, y, CELL, CELL, COLOURS[row if axis == "well" else column])


def drawing() -> str:
    shapes = [
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="10" fill="#f8f9fb" stroke="#d0d7de"/>',
        *panel(20, "split by well", "3 tasks, 12 units", "well", stacked=False),
        *panel(20 + PANEL, "split by timepoint", "4 tasks, 12 units", "timepoint", stacked=False),
        *panel(20 + 2 * PANEL, "by well, timepoints together", "3 tasks, 3 units", "well", stacked=True),
        text(20, HEIGHT - 22, "Each colour is a task, done by one worker. Each outline is a unit, "
             "one call of a step’s function.", "small"),
    ]  # fmt: skip
    lines = "\n  ".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="The same twelve planes split by well, by timepoint, and by well with timepoints together">\n'
        f"  <style>{STYLE}  </style>\n  {lines}\n</svg>\n"
    )


if __name__ == "__main__":
    (Path(__file__).parent / "images" / "axis.svg").write_text(drawing(), encoding="utf-8")
