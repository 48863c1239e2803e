"""The tags of values: what plain CBOR does not have.

None, bool, int of 64 bits, float, str, bytes, list, and a dict whose keys are all str or bytes, are
plain.  The rest has a tag of gossamer's own; any other tag is refused, the standard ones too:

    59136  int beyond 64 bits   bytes: two's complement, big endian, at most 1 KiB
    59137  tuple                array
    59138  dict, other keys     array: key, value, key, value ...; a key is any hashable value of this table
    59139  set                  array, sorted by encoded bytes
    59140  frozenset            array, sorted by encoded bytes
    59141  datetime             text: isoformat, with ";fold=1" for the second of two naive times
    59142  date                 text: isoformat
    59143  time                 text: as for datetime
    59144  timedelta            bytes: microseconds, two's complement, big endian
    59145  Decimal              text: as str() has it; at most 1024 characters, exponent within 6144 either way
    59146  UUID                 16 bytes
    59147  registered class     array: name, bytes: the value encoded of what `registered` says

The numbers lie in the range that IANA gives to whoever asks first, and nobody has asked for these.
They are on the wire, and in files: a tag never changes its meaning, and a new type takes the next number.
"""

from __future__ import annotations

from typing import Final

INTEGER: Final = 59136
TUPLE: Final = 59137
PAIRS: Final = 59138
SET: Final = 59139
FROZENSET: Final = 59140
DATETIME: Final = 59141
DATE: Final = 59142
TIME: Final = 59143
TIMEDELTA: Final = 59144
DECIMAL: Final = 59145
UUID: Final = 59146
REGISTERED: Final = 59147
