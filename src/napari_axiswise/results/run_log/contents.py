"""Reading the parts of the run log that workers wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .lines import RUN_LOG, read_lines
from .records import BlockKey, UnitKey, UnitRecord


@dataclass
class RunLogContents:
    """The units and blocks in a run log.

    Parameters
    ----------
    units : dict
        From the identity of each unit to its last record. A record without failures is preferred.
    blocks : set
        The complete blocks.
    """

    units: dict[UnitKey, UnitRecord] = field(default_factory=dict)
    blocks: set[BlockKey] = field(default_factory=set)

    @classmethod
    def read(cls, root: Path) -> RunLogContents:
        """Read the run log in an output folder."""
        contents = cls()
        for path in sorted((root / RUN_LOG / "units").glob("*.jsonl")):
            for values in read_lines(path):
                if "block" in values:
                    contents.blocks.add(tuple(values["block"]))
                elif "unit" in values:
                    contents._add(UnitRecord.from_json(values["unit"]))
        return contents

    def _add(self, record: UnitRecord) -> None:
        last = self.units.get(record.key)
        if last is None or (not record.failures, record.stopped) > (not last.failures, last.stopped):
            self.units[record.key] = record
