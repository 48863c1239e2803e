"""Values of a mesh as JSON, and back: readable, and nothing is lost.

JSON's own types are themselves.  Each other type is an object with one name that begins with $:

    bytes       {"$bytes": "base64"}          datetime   {"$datetime": "2026-11-21T04:37:20+00:00"}
    tuple       {"$tuple": [...]}             date       {"$date": "2026-11-21"}
    set         {"$set": [...]}               time       {"$time": "04:37:20"}
    frozenset   {"$frozenset": [...]}         timedelta  {"$seconds": "1.5"}
    nan, inf    {"$float": "nan"}             Decimal    {"$decimal": "1.50"}
    a dict with other names than texts,       UUID       {"$uuid": "..."}
    or one that begins with $:                class that is not registered here:
                {"$dict": [[name, value]]}               {"$unknown": "name", "payload": "base64"}

`plain` writes this, `value_of` reads it, and `value_of(plain(value)) == value`.  So what
`gossamer get --json` prints, `gossamer set` takes.  A time that summer's end repeats has ";fold=1"
behind it, the second time.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from .verb import Exit, Stop

_SECOND_TIME = ";fold=1"


def plain(value: Any) -> Any:
    """Return `value` made of JSON's types alone."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {"$float": repr(value)}
        case list():
            return [plain(item) for item in value]
        case dict():
            return _plain_dict(value)
        case tuple():
            return {"$tuple": [plain(item) for item in value]}
        case frozenset():
            return {"$frozenset": _sorted(value)}
        case set():
            return {"$set": _sorted(value)}
    return _plain_scalar(value)


def compact(content: Any) -> str:
    """Return the JSON text of what `plain` returned."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def value_of(content: Any) -> Any:
    """Return the value that parsed JSON stands for.  Raises ValueError for what stands for none."""
    if isinstance(content, list):
        return [value_of(item) for item in content]
    if not isinstance(content, dict):
        return content
    if len(content) == 1:
        ((name, inner),) = content.items()
        if name in _READERS:
            try:
                return _READERS[name](inner)
            except (TypeError, ValueError, AttributeError, InvalidOperation) as error:
                raise ValueError(f"{name} does not hold what it must: {error}") from error
    return {name: value_of(item) for name, item in content.items()}


def argument_value(text: str) -> Any:
    """Return the value that a word of the command line stands for: JSON if it is that, else the text itself."""
    try:
        content = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text
    try:
        return value_of(content)
    except ValueError as error:
        raise Stop(Exit.USAGE, f"{text} cannot be read as a value: {error}") from error


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal to people: 1 is 1.0, but not true."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


# -- writing --------------------------------------------------------------------------------------


def _plain_dict(value: dict[Any, Any]) -> Any:
    if all(type(name) is str and not name.startswith("$") for name in value):
        return {name: plain(item) for name, item in value.items()}
    return {"$dict": [[plain(name), plain(item)] for name, item in value.items()]}


def _plain_scalar(value: Any) -> Any:
    from .. import Unknown

    match value:
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case datetime():  # before date, which it is too
            return {"$datetime": value.isoformat() + _SECOND_TIME * value.fold}
        case date():
            return {"$date": value.isoformat()}
        case time():
            return {"$time": value.isoformat() + _SECOND_TIME * value.fold}
        case timedelta():
            return {"$seconds": str(_seconds(value))}
        case Decimal():
            return {"$decimal": str(value)}
        case UUID():
            return {"$uuid": str(value)}
        case Unknown():
            return {"$unknown": [value.name, base64.b64encode(value.payload).decode()]}
    raise TypeError(f"{type(value).__qualname__} does not travel, so it cannot have been read from a mesh")


def _sorted(items: Any) -> list[Any]:
    return sorted((plain(item) for item in items), key=lambda item: (str(type(item)), compact(item)))


def _seconds(span: timedelta) -> Decimal:
    whole, rest = divmod(span // timedelta(microseconds=1), 1_000_000)
    return Decimal(whole) + Decimal(rest).scaleb(-6)


# -- reading --------------------------------------------------------------------------------------


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _items(content: Any) -> list[Any]:
    if not isinstance(content, list):
        raise ValueError("a list is needed")
    return [value_of(item) for item in content]


def _pairs(content: Any) -> dict[Any, Any]:
    return dict(map(_items, content))


def _unknown(content: Any) -> Any:
    from .. import Unknown

    name, payload = _items(content)
    return Unknown(str(name), base64.b64decode(payload, validate=True))


def _datetime(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix(_SECOND_TIME)).replace(fold=text.endswith(_SECOND_TIME))


def _time(text: str) -> time:
    return time.fromisoformat(text.removesuffix(_SECOND_TIME)).replace(fold=text.endswith(_SECOND_TIME))


def _span(content: Any) -> timedelta:
    return timedelta(microseconds=int(Decimal(content).scaleb(6)))


_READERS: dict[str, Callable[[Any], Any]] = {
    "$bytes": lambda content: base64.b64decode(content, validate=True),
    "$tuple": lambda content: tuple(_items(content)),
    "$set": lambda content: set(_items(content)),
    "$frozenset": lambda content: frozenset(_items(content)),
    "$float": float,
    "$dict": _pairs,
    "$datetime": _datetime,
    "$date": date.fromisoformat,
    "$time": _time,
    "$seconds": _span,
    "$decimal": Decimal,
    "$uuid": UUID,
    "$unknown": _unknown,
}
