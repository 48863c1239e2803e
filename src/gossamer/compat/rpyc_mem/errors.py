"""What `rpyc_mem.errors` had: typed errors, each with its `message`.

BaseRpycMemError     GossamerError
|- RpycMemSvcError                     the memory has no such key, or will not do what was asked
|  |- NotShareable   AttributeError    what cannot be made for all to share
|- RpycMemConnError  ConnectionError   no mesh could be joined, or it runs another version
|- RpycMemError                        an object that is gone, or was to be made of nothing
"""

from __future__ import annotations

import gossamer


class BaseRpycMemError(gossamer.GossamerError):
    """The base of the errors that rpyc-mem had.  `message` says what happened."""

    _UNSPECIFIED = "An unspecified error occurred"

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self._UNSPECIFIED
        super().__init__(self.message)


class RpycMemSvcError(BaseRpycMemError):
    """The memory does not have what was asked for, or does not do it."""

    _UNSPECIFIED = "An unspecified error occurred in RpycMemService"


class NotShareable(RpycMemSvcError, AttributeError):
    """Something was to be made for all to share that cannot be: nothing was imported, and nothing was run."""


class RpycMemConnError(BaseRpycMemError, ConnectionError):
    """The mesh that is the memory could not be joined, or is of another version."""

    _UNSPECIFIED = "An unspecified error occurred in RpycMemConnect"


class RpycMemError(BaseRpycMemError):
    """An object that was deleted was used, or one was to be made of nothing, or of two things."""

    _UNSPECIFIED = "An unspecified error occurred in RpycMem"
