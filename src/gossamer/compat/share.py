"""What `import share` of py-share offered, over channels of a mesh: `from gossamer.compat import share`.

    share.fred("I am happy")        # in one program: a signal called fred, with data
    if share.isfred():              # in another, in any directory, on any machine of the mesh
        print(share.getfred())

Any name may follow: `share.NAME(...)` sends, `share.isNAME()` checks, `share.getNAME()` gets.  So this module has
few names of its own; what is new (callbacks, calls, every receiver gets it) is in the class `Share`, which is used in
the same way.  Names that differ only in their case are one name, as they were where py-share was written.
"""

import typing as _typing

from .sharing.database import Database as Database
from .sharing.database import DatabaseError as DatabaseError
from .sharing.share import NO_DATA as NO_DATA
from .sharing.share import Share as Share
from .sharing.store import Store as Store

EXTN = ".share"
"""What the files of py-share were called.  There are none: it does nothing."""
POLL_RATE = 0.5
"""Seconds between py-share's looks at its files.  Nobody polls: it does nothing."""

_here = Share()


def send(name: str, *data: _typing.Any, wait: bool | None = None, timeout: float | None = None) -> None:
    """Send a signal, once the one before it was got: see `Share.send`."""
    _here.send(name, *data, wait=wait, timeout=timeout)


def check(name: str, wait: bool = False, timeout: float | None = None) -> bool:
    """Return whether a signal waits: see `Share.check`."""
    return _here.check(name, wait, timeout)


def get(name: str, wait: bool = False, timeout: float | None = None) -> _typing.Any:
    """Return the data of a signal, which is then used up; None if there is none: see `Share.get`."""
    return _here.get(name, wait, timeout)


def __getattr__(name: str) -> _typing.Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _here.magic(name)


def __dir__() -> list[str]:
    return ["check", "get", "send"]
