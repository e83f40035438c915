"""Offer: a function that can be made a step, imported only when needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..core.errors import error_message
from ..pipeline.calling import plain_function
from ..pipeline.names import load_function
from ..pipeline.signatures import Signature, read_signature
from ..pipeline.step import Step, StepFunction


@dataclass(frozen=True)
class Offer:
    """A function that is offered as a step.

    Its name and source are known at once. The function is imported when `load`, `signature` or a property that
    depends on the signature is first used.

    Parameters
    ----------
    path : str
        ``module:name``, as in recipes.
    name : str
        Name of the function, or its title in a plugin.
    source : str
        Where the function is from: ``"scikit-image · filters"``, or the name of a plugin.
    about : str
        Description that needs no import: the first paragraph of its docstring, or its title.
    get : callable, optional
        Returns the function. By default, it is imported by its path.
    """

    path: str
    name: str
    source: str
    about: str = ""
    get: Callable[[], StepFunction] | None = field(default=None, repr=False, compare=False)

    def load(self) -> StepFunction:
        """Import the function. For a magicgui widget, return the function that it wraps.

        Raises
        ------
        ValueError
            The function cannot be imported. The message says why.
        """
        return plain_function(self._function())

    @cached_property
    def signature(self) -> Signature:
        """How a step calls the function; if it cannot, or if the import fails, the reason."""
        try:
            return read_signature(self._function())
        except (Exception, SystemExit) as error:
            reason = str(error) if isinstance(error, ValueError) else error_message(error)
            return Signature(reason=reason)

    @property
    def known(self) -> bool:
        """Whether the signature has been read already, so that using it imports nothing."""
        return "signature" in vars(self)

    @property
    def summary(self) -> str:
        """What the function does, in a sentence, as far as known without importing it."""
        return (self.signature.summary if self.known else "") or self.about

    @property
    def kind(self) -> str:
        """Kind of its output: ``"image"``, ``"labels"``, ``"points"`` or ``"table"``."""
        return self.signature.output

    @property
    def reason(self) -> str:
        """Why the function cannot be a step; empty if it can."""
        return self.signature.reason

    def step(
        self,
        params: Mapping[str, Any] | None = None,
        *,
        name: str = "",
        inputs: str | Sequence[str] | None = None,
        output: str | None = None,
    ) -> Step:
        """Return a step that calls the function.

        Parameters
        ----------
        params : mapping, optional
            Keyword arguments of the function. A required choice that is left out is the first one.
        name, inputs, output
            See `Step`. By default, the output is `kind`.

        Raises
        ------
        ValueError
            The function cannot be a step. The message has its `reason`.
        """
        if self.reason:
            raise ValueError(f"{self.path} cannot be a step. {self.reason}")
        needed = {one.name: one.default for one in self.signature.parameters if one.needed}
        inputs = (inputs,) if isinstance(inputs, str) else None if inputs is None else tuple(inputs)
        return Step(
            self.load(), {**needed, **(params or {})}, name=name, inputs=inputs, output=output or self.kind
        )

    def _function(self) -> StepFunction:
        return load_function(self.path) if self.get is None else self.get()
