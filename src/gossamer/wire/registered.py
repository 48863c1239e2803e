"""Classes of the program's own that may travel: dataclasses and enums, known to each peer by a name.

1. A name stands for one class here; other peers may have another class, or none, under it.
2. Bytes run no code of the program's: an instance is made without `__init__` or `__post_init__`,
   and its fields hold what was sent.  (Only as a set's element or a dict's key it is hashed.)
3. What cannot be held here is `Unknown`, and travels on unchanged: a class that is not
   registered, an enum member that is not here, a field that is missing and has no default.

So classes may grow: give a new field a default, and older writers can be read; older readers
leave out the fields they do not have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum, Flag
from functools import reduce
from operator import or_
from typing import Any, Final, TypeAlias, TypeVar, overload

from ..errors import ConfigurationError

Class = TypeVar("Class", bound=type)

NAME_BYTES_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value of a class that is not registered in this process, or not with these fields.

    It can be compared, stored and written again; peers that know `name` read it as ever.
    `payload` is its encoded content, kept as it came.
    """

    name: str
    payload: bytes

    def __repr__(self) -> str:
        return f"<Unknown {self.name!r}, {len(self.payload)} bytes: gossamer.register its class to read it>"


class Misfit(Exception):
    """Content that the class registered under its name cannot hold."""


@dataclass(frozen=True, slots=True)
class RegisteredDataclass:
    """How a dataclass travels: as a dict of its fields, in their order."""

    name: str
    cls: type[Any]
    fields: tuple[Field[Any], ...]

    def content(self, value: Any) -> dict[str, Any]:
        """Return what travels; a field that was deleted raises `Misfit`."""
        try:
            return {field.name: getattr(value, field.name) for field in self.fields}
        except AttributeError:
            raise Misfit from None

    def value(self, content: Any) -> Any:
        """Return a new instance, made without running its class's code."""
        if not isinstance(content, dict):
            raise Misfit
        made = object.__new__(self.cls)
        for field in self.fields:
            object.__setattr__(made, field.name, content[field.name] if field.name in content else _default(field))
        return made


@dataclass(frozen=True, slots=True)
class RegisteredEnum:
    """How an enum's member travels: by its name."""

    name: str
    cls: type[Enum]

    def content(self, value: Any) -> str:
        """Return what travels."""
        return value._name_  # type: ignore[no-any-return]

    def value(self, content: Any) -> Any:
        """Return the member."""
        members = self.cls.__members__
        if type(content) is not str or content not in members:
            raise Misfit
        return members[content]


@dataclass(frozen=True, slots=True)
class RegisteredFlag:
    """How flags travel: as the number that is their sum, for a combination has no name of its own."""

    name: str
    cls: type[Flag]

    def content(self, value: Any) -> int:
        """Return what travels; bits that no member names raise `Misfit`."""
        return self._known(value._value_)

    def value(self, content: Any) -> Any:
        """Return the member or combination."""
        return self.cls(self._known(content))

    def _known(self, number: Any) -> int:
        # Only combinations of named flags: enum would remember any other number for ever.
        named = reduce(or_, (member.value for member in self.cls.__members__.values()), 0)
        if type(number) is not int or number < 0 or number & ~named:
            raise Misfit
        return number


Registration: TypeAlias = RegisteredDataclass | RegisteredEnum | RegisteredFlag

_by_class: Final[dict[type, Registration]] = {}
_by_name: Final[dict[str, Registration]] = {}


@overload
def register(cls: Class, name: str | None = None) -> Class: ...
@overload
def register(cls: None = None, name: str | None = None) -> Callable[[Class], Class]: ...
def register(cls: Any = None, name: str | None = None) -> Any:
    """Let values of a dataclass or an enum travel; every program that is to read them does the same.

    Use it as `@gossamer.register` above `@dataclass`, as `@gossamer.register(name="lab.Pose")`,
    or as a call.  `name` is what the mesh knows the class by, by default its `__name__`.  A
    class defined anew (a cell run again, a module reloaded) takes the place of its old self.
    Prefer `@dataclass(frozen=True)`: readers in one process share one instance.

    Raises `ConfigurationError` for another kind of class, a name taken by another class, or a second name.
    """
    if cls is None:
        return lambda decorated: register(decorated, name)
    registration = _registration(cls, cls.__name__ if name is None and isinstance(cls, type) else name)
    _refuse_conflict(registration)
    _by_class[cls] = _by_name[registration.name] = registration
    return cls


def registration_of(cls: type) -> Registration | None:
    """Return how values of exactly this class travel, if they do."""
    return _by_class.get(cls)


def registration_named(name: str) -> Registration | None:
    """Return what is registered here under a name."""
    return _by_name.get(name)


def is_name(name: object) -> bool:
    """Tell whether a class may be known by this name."""
    return type(name) is str and name.isprintable() and 0 < len(name.encode()) <= NAME_BYTES_MAX


def _registration(cls: Any, name: Any) -> Registration:
    if not isinstance(cls, type):
        raise ConfigurationError(f"register() takes a class, not {cls!r}")
    if not is_name(name):
        raise ConfigurationError(f"{name!r} cannot name {cls.__qualname__}: a name is 1 to 255 printable characters")
    if issubclass(cls, Flag):
        return RegisteredFlag(name, cls)
    if issubclass(cls, Enum):
        return RegisteredEnum(name, cls)
    # `is_dataclass` alone is true for a plain subclass of a dataclass, whose own attributes would be lost.
    if not is_dataclass(cls) or "__dataclass_fields__" not in cls.__dict__:
        raise ConfigurationError(
            f"{cls.__qualname__} is neither a dataclass nor an enum; put @dataclass below @gossamer.register"
        )
    try:
        object.__new__(cls)
    except TypeError as error:
        raise ConfigurationError(f"{cls.__qualname__} cannot be made from its fields alone: {error}") from None
    return RegisteredDataclass(name, cls, fields(cls))


def _refuse_conflict(new: Registration) -> None:
    taken = _by_name.get(new.name)
    if taken is not None and taken.cls is not new.cls and _origin(taken.cls) != _origin(new.cls):
        raise ConfigurationError(
            f"the name {new.name!r} is taken by {'.'.join(_origin(taken.cls))}; "
            f"register {'.'.join(_origin(new.cls))} with another name="
        )
    before = _by_class.get(new.cls)
    if before is not None and before.name != new.name:
        raise ConfigurationError(f"{new.cls.__qualname__} is registered already, as {before.name!r}")


def _origin(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return field.default_factory()
    raise Misfit
