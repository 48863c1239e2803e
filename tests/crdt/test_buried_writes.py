"""What an expired write had replaced stays dead, however the news of its burial travels.

Found by a random life of a mesh, as `gossamer.simulation.swarm` makes them.
"""

from __future__ import annotations

from gossamer.crdt.joining import join
from gossamer.crdt.lww_map import LWWMap
from gossamer.crdt.writes import each, expiry_meta

WRITER, OTHER = b"writer......", b"other......."


def test_who_learns_of_a_burial_while_it_still_holds_the_write_passes_the_record_on():
    buries, between, far = LWWMap(), LWWMap(), LWWMap()
    buries.write(WRITER, "key", b"old", 1)
    for other in (between, far):
        join(other, buries.delta(other.known))
    buries.write(OTHER, "key", b"short", 2, expiry_meta(0, 1000))
    before = between.known.copy()
    join(between, buries.delta(between.known))
    assert [write.value for write in each(between.live["key"])] == [b"short"]

    buries.bury(now_ms=9000, grace_ms=10)
    join(between, buries.delta(before))
    join(far, between.delta(far.known))

    between.check()
    far.check()
    assert "key" not in between.live
    assert "key" not in far.live
