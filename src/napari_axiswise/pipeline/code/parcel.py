"""Parcel: the steps of a pipeline on their way to worker processes, with what they use there."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import uuid4

from ...core.errors import OtherCode, error_message
from ...core.import_paths import ImportPaths
from ...core.text import quote_names
from ..step import Step
from .digests import Attribute, digest, is_readable
from .loaded_sources import changed_sources
from .pickling import dumps_each, loads_each
from .uses import Name, Uses, value_of


@dataclass(frozen=True)
class StepCode:
    """What a step uses by name, as it is in one process.

    Parameters
    ----------
    step : str
        Name of the step.
    digests : tuple of tuple
        Each name of a module with the digest of what it stands for.
    ignored : frozenset of tuple
        Attributes that do not count, see `Uses`.
    """

    step: str
    digests: tuple[tuple[Name, str], ...]
    ignored: frozenset[Attribute]

    @classmethod
    def of(cls, step: Step) -> StepCode:
        """Return what a step uses, as it is in this process now."""
        uses = Uses.of(*step.routes.values())
        digests = {name: digest(value, uses.ignored) for name, value in uses.values.items()}
        return cls(step.name, tuple(sorted(digests.items())), uses.ignored)

    @property
    def by_name(self) -> dict[str, str]:
        """The digests by dotted name, to be recorded."""
        return {".".join(name): digest for name, digest in self.digests}

    def difference(self) -> str:
        """Return what is not the same in this process, as a clause; empty if everything is."""
        for name, theirs in self.digests:
            what = ".".join(name)
            try:
                ours = digest(value_of(name), self.ignored)
            except Exception as error:
                return f"{what} is not found in a worker process ({error_message(error)})"
            if ours != theirs and is_readable(ours) and is_readable(theirs):
                return f"{what} is {theirs} here and {ours} in a worker process"
            if ours != theirs:
                return f"{what} is not the same in a worker process"
        return ""


@dataclass(frozen=True)
class Parcel:
    """Steps as they are sent to worker processes.

    Parameters
    ----------
    steps : bytes
        A pickle of each step, one after another.
    code : tuple of StepCode
        What each step uses by name, in the process that sends them.
    paths : ImportPaths
        The folders from which that process imports.
    sender : str
        Identifies that process.
    key : str
        Identifies the parcel.
    """

    steps: bytes
    code: tuple[StepCode, ...]
    paths: ImportPaths
    sender: str
    key: str

    @classmethod
    def of(cls, steps: Sequence[Step]) -> Parcel:
        """Pack steps together with their code as it is in this process now."""
        code = tuple(StepCode.of(step) for step in steps)
        return cls(dumps_each(steps), code, ImportPaths.current(), _this_process(), uuid4().hex)

    def open(self) -> tuple[Step, ...]:
        """Return the steps, after checking that this process has the same code for them, unless it has sent them.

        Raises
        ------
        OtherCode
            It has not. The message names the step.
        """
        if self.sender == _this_process():
            return tuple(loads_each(self.steps))
        self.paths.extend()
        steps: list[Step] = []
        loading = loads_each(self.steps)
        for code in self.code:
            try:
                steps.append(next(loading))
            except Exception as error:
                raise OtherCode(
                    f"step {code.step!r} cannot be loaded in a worker process: {error_message(error)}",
                    self.key,
                ) from error
        for code in self.code:
            if difference := _difference(code):
                raise OtherCode(f"step {code.step!r} would run other code: {difference}. {_ADVICE}", self.key)
        if stale := _stale_sources(self.key):
            names = quote_names([code.step for code in self.code], "or")
            raise OtherCode(
                f"step {names} may run other code: {stale} was edited after a worker process imported it. "
                "Start another executor, whose processes import it again.",
                self.key,
            )
        return tuple(steps)


_TOKEN = uuid4().hex

_ADVICE = (
    "Reload the module if its file was edited; give values that a script sets as params of the step; or use "
    "executor='threads'."
)


def _this_process() -> str:
    # A forked process has the same token, and may have other code later.
    return f"{_TOKEN}-{os.getpid()}"


@lru_cache(maxsize=64)
def _difference(code: StepCode) -> str:
    return code.difference()


@lru_cache(maxsize=64)
def _stale_sources(key: str) -> str:
    return ", ".join(changed_sources())


class Unopened:
    """Stands for what could not be unpickled, until it is used: an error while unpickling would end a pool's worker.

    Parameters
    ----------
    error : Exception
        Raised on every use.
    """

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        raise self._error


def deliver(parcel: Parcel, make: Callable[[tuple[Step, ...]], Any]) -> Any:
    """Return what `make` makes of the steps in a parcel, or `Unopened`."""
    try:
        return make(parcel.open())
    except Exception as error:
        return Unopened(error)
