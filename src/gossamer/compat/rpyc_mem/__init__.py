"""What `import rpyc_mem` offered, over objects of a mesh.

    from gossamer.compat.rpyc_mem.session import RpycMemSession

    session = RpycMemSession("localhost", 18813)
    items = session.rmem("unique-key", robj_gen=lambda: session.rmod().list([1, 2]))
    items.append(3)    # seen by every program that asks for "unique-key"

The port names the memory: all programs that name one port share one, which `gossamer.join("rpyc_mem-18813").objects`
has too.  There is no server to find or to lose; a `RpycMemService` is one more program that keeps what others left.
Nothing is imported or run for another program: what can be made and shared stands in a register, see `share_type`.
"""

from __future__ import annotations

from .joining import configure
from .shareable import share_type

__version__ = "1.0.1"
"""The version of rpyc-mem whose names these are."""

__all__ = ["configure", "share_type"]
