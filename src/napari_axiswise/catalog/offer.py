"""Offer: a function that could be a step, before it is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..core.errors import error_message
from ..core.kinds import Kind
from ..pipeline.calling import plain_function
from ..pipeline.names import load_function
from ..pipeline.signatures import Signature, read_signature
from ..pipeline.step import Step, StepFunction


@dataclass(frozen=True)
class Offer:
    """A function that is offered as a step.

    What it is called and where it comes from is known at once. The function is imported when it is first asked for:
    by `load`, `signature`, or what follows from that.

    Parameters
    ----------
    path : str
        ``module:name``, as recipes have it.
    name : str
        What it is called where it comes from: ``gaussian``, or the title that a plugin gives it.
    source : str
        Where it comes from: ``"scikit-image · filters"``, or the name of a plugin.
    about : str
        What is known of it without importing it: the first sentence of its docstring, or its title.
    get : callable, optional
        Returns it. Left out, it is imported by its path.
    """

    path: str
    name: str
    source: str
    about: str = ""
    get: Callable[[], StepFunction] | None = field(default=None, repr=False, compare=False)

    def load(self) -> StepFunction:
        """Import the function; of a widget that magicgui makes of one, the function beneath.

        Raises
        ------
        ValueError
            It cannot be imported. The message says why.
        """
        return plain_function(self._found())

    @cached_property
    def signature(self) -> Signature:
        """How a step can call it; with a reason where it cannot, or where it cannot be imported."""
        try:
            return read_signature(self._found())
        except (Exception, SystemExit) as error:
            reason = str(error) if isinstance(error, ValueError) else error_message(error)
            return Signature(reason=reason)

    @property
    def known(self) -> bool:
        """Whether its signature has been read, so that to ask for it costs nothing."""
        return "signature" in vars(self)

    @property
    def summary(self) -> str:
        """What it does, in a sentence, as far as that is known: this imports nothing."""
        return (self.signature.summary if self.known else "") or self.about

    @property
    def kind(self) -> Kind:
        """What it makes: ``"image"``, ``"labels"``, ``"points"`` or ``"table"``."""
        return self.signature.output

    @property
    def reason(self) -> str:
        """Why it cannot be a step; empty where it can."""
        return self.signature.reason

    def step(
        self,
        params: Mapping[str, Any] | None = None,
        *,
        name: str = "",
        inputs: str | Sequence[str] | None = None,
        output: Kind | None = None,
    ) -> Step:
        """Return a step that calls it.

        Parameters
        ----------
        params : mapping, optional
            Its keyword arguments. Choices that have to be made, and are not, are the first of each.
        name, inputs, output
            Of the step; see `Step`. Left out, the output is its `kind`.

        Raises
        ------
        ValueError
            It cannot be a step. The message is its `reason`.
        """
        if self.reason:
            raise ValueError(f"{self.path} cannot be a step. {self.reason}")
        needed = {one.name: one.default for one in self.signature.parameters if one.needed}
        inputs = (inputs,) if isinstance(inputs, str) else None if inputs is None else tuple(inputs)
        return Step(
            self.load(), {**needed, **(params or {})}, name=name, inputs=inputs, output=output or self.kind
        )

    def _found(self) -> StepFunction:
        return load_function(self.path) if self.get is None else self.get()
