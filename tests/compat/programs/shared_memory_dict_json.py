"""The README's serializer, with the module's own errors."""

import json
from typing import Final

from shared_memory_dict import SharedMemoryDict
from shared_memory_dict.serializers import DeserializationError, SerializationError

NULL_BYTE: Final = b"\x00"


class JSONSerializer:
    def dumps(self, obj: dict) -> bytes:
        try:
            return json.dumps(obj).encode() + NULL_BYTE
        except (ValueError, TypeError):
            raise SerializationError(obj) from None

    def loads(self, data: bytes) -> dict:
        data = data.split(NULL_BYTE, 1)[0]
        try:
            return json.loads(data)
        except json.JSONDecodeError:
            raise DeserializationError(data) from None


smd = SharedMemoryDict(name="tokens", size=1024, serializer=JSONSerializer())
smd["tuple"] = (1, 2)
smd[3] = None
print(smd)
try:
    smd["set"] = {1, 2}
except SerializationError as error:
    print(error)
