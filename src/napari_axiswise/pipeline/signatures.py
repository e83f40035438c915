"""Signatures of functions as steps call them: inputs, parameters and kind of output, or why a function is no step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.kinds import IMAGE
from .annotations import returned_kind, signature_of
from .calling import magic_options, plain_function
from .docstrings import Docstring
from .parameters import Parameter, ParameterReading
from .refusals import annotation_refusal, object_refusal, parameter_refusal, results_refusal
from .unit_info import asked_information


@dataclass(frozen=True)
class Signature:
    """How a step calls a function.

    Parameters
    ----------
    inputs : tuple of str
        The required parameters that take an array, a layer or a table; they come first.
    optional_inputs : tuple of str
        The optional parameters right after them that take one, too.
    parameters : tuple of Parameter
        The parameters that forms have a field for. All others keep their defaults.
    output : str
        The name of its kind of output.
    summary : str
        The first sentence of its docstring.
    reason : str
        Why it cannot be a step, and what to do; empty if it can.
    """

    inputs: tuple[str, ...] = ()
    optional_inputs: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    output: str = IMAGE.name
    summary: str = ""
    reason: str = ""


def read_signature(function: Callable[..., Any]) -> Signature:
    """Return how a step calls a function, from its annotations, its docstring and its names.

    Parameters
    ----------
    function : callable
        Any callable. For a magicgui widget, the function from which it was made.

    Returns
    -------
    Signature
        With a `reason` if it cannot be a step. The function is not called.
    """
    plain = plain_function(function)
    docstring = Docstring.read(inspect.getdoc(plain) or "")
    refusal = object_refusal(plain)
    signature = None if refusal else signature_of(plain)
    if signature is None:
        unknown = "Its parameters are unknown to Python. Call it from a function of your own, and use that."
        return Signature(summary=docstring.summary, reason=refusal or unknown)
    options = magic_options(function)
    asked = asked_information(plain)
    read = [
        ParameterReading.of(parameter, plain, docstring, options.get(parameter.name, {}))
        for parameter in signature.parameters.values()
        if parameter.name not in asked
    ]
    inputs, optional = _split_inputs(read)
    return Signature(
        inputs=tuple(one.name for one in inputs),
        optional_inputs=tuple(one.name for one in optional),
        parameters=tuple(filter(None, (one.parameter() for one in read if one not in (*inputs, *optional)))),
        output=(returned_kind(plain) or (docstring.results and docstring.results[0].kind) or IMAGE).name,
        summary=docstring.summary,
        reason=parameter_refusal(read, inputs)
        or (annotation_refusal(plain, signature.return_annotation) if returned_kind(plain) is None else "")
        or (results_refusal(docstring, read) if signature.return_annotation is signature.empty else ""),
    )


def _split_inputs(read: Sequence[ParameterReading]) -> tuple[list[ParameterReading], list[ParameterReading]]:
    """Return the parameters that require an array, and the optional ones right after them."""
    inputs: list[ParameterReading] = []
    optional: list[ParameterReading] = []
    for number, one in enumerate(read):
        if not one.positional or one.takes_viewer:
            break
        undocumented = one.needed and not one.annotated and not one.documented
        # scikit-image's thresholds have image=None, as a histogram can be given instead.
        first = number == 0 and (undocumented or one.takes_array)
        if not optional and (first or (one.needed and one.takes_array)):
            inputs.append(one)
        elif one.takes_array and one.default is None and one.name != "out":
            optional.append(one)
        else:
            break
    return inputs, optional if inputs else []
