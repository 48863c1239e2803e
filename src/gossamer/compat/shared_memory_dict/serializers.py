"""How content turns into bytes and back: `dumps` and `loads` of a dict, as ever; here, of one item at a time.

What `PickleSerializer` and `JSONSerializer` mean is done without them where a mesh can carry the value itself, so
other programs of the mesh can read it; they decide what may be kept, what comes back, and how many bytes that counts.
"""

from __future__ import annotations

import json
import pickle
from typing import Any, Final, Protocol

NULL_BYTE: Final = b"\x00"


class SerializationError(ValueError):
    """Content cannot be turned into bytes.  Nothing was stored."""

    def __init__(self, data: dict[Any, Any]) -> None:
        super().__init__(f"Failed to serialize data: {data!r}")


class DeserializationError(ValueError):
    """Bytes are not what this serializer makes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"Failed to deserialize data: {data!r}")


class SharedMemoryDictSerializer(Protocol):
    """What a serializer has.  Those of a program's own are given dicts of one item, and their bytes are sealed."""

    def dumps(self, obj: dict[Any, Any]) -> bytes:
        """Return the bytes of a dict.  Should raise `SerializationError` for what has none."""
        ...

    def loads(self, data: bytes) -> dict[Any, Any]:
        """Return the dict.  Should raise `DeserializationError` for what is none."""
        ...


class JSONSerializer:
    """Values of JSON: tuples become lists, and names become text."""

    def dumps(self, obj: dict[Any, Any]) -> bytes:
        """Return JSON, ended by a null byte."""
        try:
            return json.dumps(obj).encode() + NULL_BYTE
        except (ValueError, TypeError) as error:
            raise SerializationError(obj) from error

    def loads(self, data: bytes) -> dict[Any, Any]:
        """Return what stands before the null byte."""
        data = data.split(NULL_BYTE, 1)[0]
        try:
            return json.loads(data)  # type: ignore[no-any-return]
        except ValueError as error:  # UnicodeDecodeError is one too
            raise DeserializationError(data) from error


class PickleSerializer:
    """Values of any type that can be pickled."""

    def dumps(self, obj: dict[Any, Any]) -> bytes:
        """Return a pickle."""
        try:
            return pickle.dumps(obj, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # whatever the value's own methods raise
            raise SerializationError(obj) from error

    def loads(self, data: bytes) -> dict[Any, Any]:
        """Return what was pickled.  Of bytes from strangers, this runs what they like."""
        try:
            return pickle.loads(data)  # type: ignore[no-any-return]
        except Exception as error:  # no pickle, or of a class that this program lacks, or has in another form
            raise DeserializationError(data) from error
