"""Of what an object is made: a value, or a function that makes one; exactly one of the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .errors import BaseRpycMemError

NOT_GIVEN: Final[Any] = object()


def factory_of(robj: Any, robj_gen: Any, error: type[BaseRpycMemError]) -> Callable[[], Any]:
    """Return what makes the value.  Raises `error` if neither was given, or both."""
    if (robj is NOT_GIVEN) is (robj_gen is NOT_GIVEN):
        raise error("Either remote object or remote object generator should be passed: robj=, or robj_gen=, not both")
    if robj is not NOT_GIVEN:
        return lambda: robj
    if not callable(robj_gen):
        raise error(f"robj_gen is a function without arguments, not a {type(robj_gen).__name__}; pass that as robj")
    made: Callable[[], Any] = robj_gen
    return made
