"""Which row of a timeline each task is in, as its lane becomes known."""

from __future__ import annotations

import math
from heapq import heappop, heappush


class LaneRows:
    """Which row each task is in.

    Parameters
    ----------
    most : int, optional
        How many rows there may be. A task that is seen to have started where all are taken waits for one whose end is
        yet to be told.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._ended: list[float] = []
        self._owner: dict[int, str] = {}
        self._own: dict[str, int] = {}
        self._running: dict[int, int] = {}
        self._at: dict[int, int] = {}
        self._free: list[int] = []
        self._without: dict[int, float] = {}
        self._started: dict[int, float] = {}
        self._used = 0

    @property
    def used(self) -> int:
        """How many rows have had a bar that is over, or have one that runs."""
        return max(self._used, 1 + max(self._running, default=-1))

    def begin(self, task: int, started: float) -> dict[int, int]:
        """Put a task into a free row; return the tasks that have another row than before, with that."""
        self._started[task] = started
        row = self._free_row(started)
        if row is None:
            row = self._new_row()
        if row is None:
            self._without[task] = started
            return {}
        return self._put(task, row)

    def end(self, task: int, worker: str, started: float, stopped: float) -> dict[int, int]:
        """Put a task that is over into the row of its worker; see `begin`."""
        del self._started[task]
        self._without.pop(task, None)
        before = self._at.pop(task, None)
        if before is not None:
            del self._running[before]
        row = self._row_of(worker, started, before)
        moved = {task: row}
        self._ended[row] = max(self._ended[row], stopped)
        self._used = max(self._used, row + 1)
        if worker:
            self._hand_over(row, worker)
        other = self._running.pop(row, None)
        heappush(self._free, row)
        if other is not None:
            # It sat in the row of this worker, and belongs to another.
            del self._at[other]
            self._without[other] = self._started[other]
            if before is not None and self._fits(before, self._started[other]):
                del self._without[other]
                moved |= self._put(other, before)
        if before is not None and before not in self._running:
            heappush(self._free, before)
        for waiting, since in list(self._without.items()):
            place = self._free_row(since)
            if place is None:
                break
            del self._without[waiting]
            moved |= self._put(waiting, place)
        return moved

    def _put(self, task: int, row: int) -> dict[int, int]:
        self._running[row], self._at[task] = task, row
        return {task: row}

    def _free_row(self, started: float) -> int | None:
        """Return the first row that is free, and has been since a task started; None where there is none."""
        passed_over = []
        found = None
        while self._free and found is None:
            row = heappop(self._free)
            if row not in self._running:
                if self._fits(row, started):
                    found = row
                else:
                    passed_over.append(row)
        for row in set(passed_over):
            heappush(self._free, row)
        return found

    def _new_row(self) -> int | None:
        if self._most is not None and len(self._ended) >= self._most:
            return None
        self._ended.append(-math.inf)
        return len(self._ended) - 1

    def _row_of(self, worker: str, started: float, before: int | None) -> int:
        """Return the row for a bar that is over: its worker's, or else one in which nothing else was at the time."""
        if worker in self._own:
            return self._own[worker]
        fits_before = before is not None and self._fits(before, started)
        if before is not None and fits_before and not (worker and before in self._owner):
            return before
        rows = [
            row for row in range(len(self._ended)) if self._fits(row, started) and self._yields(row, before)
        ]
        if worker:
            without_owner = next((row for row in rows if row not in self._owner), None)
            if without_owner is not None:
                return without_owner
        if before is not None and fits_before:
            return before
        if rows:
            return rows[0]
        made = self._new_row()
        return made if made is not None else before or 0

    def _yields(self, row: int, place: int | None) -> bool:
        """Return whether a row is free, or what runs in it could as well be in another place."""
        other = self._running.get(row)
        return other is None or place is None or self._fits(place, self._started[other])

    def _fits(self, row: int, started: float) -> bool:
        return self._ended[row] <= started

    def _hand_over(self, row: int, worker: str) -> None:
        """Make a row that of a worker; whose it was before stands where its next task is put."""
        owner = self._owner.get(row)
        if owner != worker:
            if owner is not None:
                del self._own[owner]
            self._owner[row], self._own[worker] = worker, row
