"""The row of each task on the timeline. Its worker is known only when the task ends."""

from __future__ import annotations

import math
from heapq import heappop, heappush


class WorkerRows:
    """The row of each task: one row per worker.

    Parameters
    ----------
    most : int, optional
        Maximum number of rows. A task that starts while all rows are taken waits for the outcome of another task, which
        has already ended.
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
        """Number of rows with a bar."""
        return max(self._used, 1 + max(self._running, default=-1))

    def begin(self, task: int, started: float) -> dict[int, int]:
        """Put a task into a free row, and return the new row of every task that has moved."""
        self._started[task] = started
        row = self._free_row(started)
        if row is None:
            row = self._new_row()
        if row is None:
            self._without[task] = started
            return {}
        return self._put(task, row)

    def end(self, task: int, worker: str, started: float, stopped: float) -> dict[int, int]:
        """Put a task that has ended into the row of its worker; see `begin`."""
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
            # This task was put into the row of another worker.
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
        """Return the first row that has been free since a task started, or None."""
        skipped = []
        found = None
        while self._free and found is None:
            row = heappop(self._free)
            if row not in self._running:
                if self._fits(row, started):
                    found = row
                else:
                    skipped.append(row)
        for row in set(skipped):
            heappush(self._free, row)
        return found

    def _new_row(self) -> int | None:
        if self._most is not None and len(self._ended) >= self._most:
            return None
        self._ended.append(-math.inf)
        return len(self._ended) - 1

    def _row_of(self, worker: str, started: float, before: int | None) -> int:
        """Return the row for a task that has ended: that of its worker, or else one that was free at the time."""
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
        new = self._new_row()
        return new if new is not None else before or 0

    def _yields(self, row: int, place: int | None) -> bool:
        """Return whether a row is free, or the task that runs in it could be moved to another place."""
        other = self._running.get(row)
        return other is None or place is None or self._fits(place, self._started[other])

    def _fits(self, row: int, started: float) -> bool:
        return self._ended[row] <= started

    def _hand_over(self, row: int, worker: str) -> None:
        """Assign a row to a worker. The worker it had before gets the row of its next task."""
        owner = self._owner.get(row)
        if owner != worker:
            if owner is not None:
                del self._own[owner]
            self._owner[row], self._own[worker] = worker, row
