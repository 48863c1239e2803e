"""Values of any type in a mesh: what does not travel by itself is pickled, and sealed with a key of the mesh's secret.

Unpickling runs code, so only what somebody with the secret has sealed is unpickled.  Everything
that travels by itself does so unpickled, and other programs of the mesh can read it.
"""

from __future__ import annotations

import hmac
import pickle
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from .. import SecretError, register

SEAL_BYTES = 32


@register(name="gossamer.SealedPickle")
@dataclass(frozen=True, slots=True)
class SealedPickle:
    """A pickled value, and before it a keyed hash of it."""

    data: bytes


class PickleSeal:
    """Turns values into what travels, and back.  `key` is 32 secret bytes, as `Hosted.derived_key` returns them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sealed(self, value: Any) -> SealedPickle:
        """Return what travels instead of a value that cannot.  Raises what `pickle.dumps` raises."""
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        return SealedPickle(self._seal(data) + data)

    def opened(self, value: SealedPickle) -> Any:
        """Return the value that was sealed, a new one each time.

        Raises `SecretError` for a pickle that nobody with the secret has sealed, and what `pickle.loads` raises,
        such as AttributeError for a class that this program lacks.
        """
        seal, data = value.data[:SEAL_BYTES], value.data[SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(data)):
            raise SecretError(
                "a pickled value was not sealed with the secret of this mesh, so it is not unpickled: "
                "give every program of the mesh the same secret, and see who wrote it"
            )
        return pickle.loads(data)

    def _seal(self, data: bytes) -> bytes:
        return blake2b(data, key=self._key, digest_size=SEAL_BYTES).digest()


def thawed(value: Any) -> Any:
    """Return a copy of a value of the mesh whose lists, sets and dicts are such, and may be changed.  O(items)."""
    if isinstance(value, dict):
        return {key: thawed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [thawed(one) for one in value]
    if isinstance(value, set):
        return set(value)
    return tuple(map(thawed, value)) if type(value) is tuple else value
