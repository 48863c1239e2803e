"""What `import shared_memory_dict` offered, over a mesh of this host.

    from gossamer.compat.shared_memory_dict import SharedMemoryDict

    tokens = SharedMemoryDict(name="tokens", size=1024)
    tokens["some-key"] = "some-value"    # and every process of this host that opens "tokens" reads it

Concurrent writers lose nothing, and no reader sees half of anything: there is nothing to switch on for that.
The memory is the mesh `sm_<name>`, so `gossamer.host("sm_tokens")` has the same keys.  It lives as long as
one process that has opened it, or until `shm.unlink()`.
"""

from __future__ import annotations

from .block import configure
from .dict import SharedMemoryDict

__version__ = "0.7.2"
"""The version of shared-memory-dict whose names these are."""

__all__ = ["SharedMemoryDict", "configure"]
