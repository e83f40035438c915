"""Reading the parts of the run log that workers wrote."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from ...core.files import path_below
from .description import read_description
from .lines import RUN_LOG, UNITS, read_lines
from .records import BlockKey, UnitKey, UnitRecord
from .schema import RunLogSchema

logger = logging.getLogger(__name__)


@dataclass
class RunLogContents:
    """The units and blocks in a run log.

    Parameters
    ----------
    units : dict
        From the identity of each unit to its last record. A record without failures is preferred.
    blocks : set
        The complete blocks. There are none if a record is damaged, as a block that it belongs to is not complete.
    damaged : list of str
        The records that cannot be used, each with its place and the reason.
    """

    units: dict[UnitKey, UnitRecord] = field(default_factory=dict)
    blocks: set[BlockKey] = field(default_factory=set)
    damaged: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, root: Path, schema: RunLogSchema | None = None) -> RunLogContents:
        """Read the run log in an output folder.

        Parameters
        ----------
        root : Path
            The output folder.
        schema : RunLogSchema, optional
            The check of its records. By default, against the description of the run in the folder.
        """
        contents = cls()
        if schema is None:
            schema = RunLogSchema(root, read_description(root))
        folder = root / RUN_LOG / UNITS
        if not folder.is_dir():
            return contents
        try:
            paths = sorted(path_below(root, folder).glob("*.jsonl"))
        except OSError as error:
            contents._note(folder, 0, error)
            return contents
        for path in paths:
            contents._read_file(root, path, schema)
        if contents.damaged:
            contents.blocks.clear()
            logger.warning("%s", describe_damage(root, contents.damaged))
        return contents

    def _read_file(self, root: Path, path: Path, schema: RunLogSchema) -> None:
        number = 0
        try:
            for number, values in enumerate(read_lines(root, path), 1):
                try:
                    if values is None:
                        raise ValueError("it is no JSON object")
                    if "block" in values:
                        self.blocks.add(schema.block(values["block"]))
                    elif "unit" in values:
                        self._add(schema.unit(values["unit"]))
                except (ValueError, OSError) as error:
                    self._note(path, number, error)
        except OSError as error:
            self._note(path, number + 1, error)

    def _note(self, path: Path, number: int, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or error
        self.damaged.append(f"{path.name}, record {number}: {reason}")

    def _add(self, record: UnitRecord) -> None:
        last = self.units.get(record.key)
        if last is None or (not record.failures, record.stopped) > (not last.failures, last.stopped):
            self.units[record.key] = record


def describe_damage(root: Path, damaged: list[str]) -> str:
    """Return a warning for records that cannot be used."""
    more = f" and {len(damaged) - 3} more" if len(damaged) > 3 else ""
    return (
        f"The run log of {root} is damaged ({'; '.join(damaged[:3])}{more}). What these records are about is left out: "
        "resume the run to compute it again."
    )
