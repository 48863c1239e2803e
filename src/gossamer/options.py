"""The tunables of a mesh: one frozen dataclass, the unit in each name, the cost of turning it beside it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Tunables of one peer.  The defaults suit a LAN of up to a few hundred peers."""

    # -- presence -------------------------------------------------------------------------------
    beacon_interval_s: float = 1.0
    """Seconds between beacons, each varied by half so that peers do not march in step.

    A lost write is noticed within about one interval.  Halving it halves repair time and
    doubles idle traffic.  With n peers the interval grows to n * beacon bytes * 8 /
    (5 % of `bandwidth_bits_per_s`), so that beacons never exceed a twentieth of the budget.
    """

    suspect_after_beacons: float = 3.0
    """Missed beacon intervals after which a silent peer is probed directly, then through others.

    Lower notices death sooner and probes more peers that are merely slow.
    """

    probe_timeout_s: float = 0.5
    """Seconds that a direct probe may take before three other peers are asked to try."""

    suspicion_s: float = 2.0
    """Seconds between the failure of all probes and calling a peer failed.

    It is multiplied by 1 + log10(n).  Lower notices death sooner and is wrong more often.
    """

    stall_s: float = 0.5
    """A peer whose own timers ran this late has been stalled: it accuses nobody for one round."""

    settle_s: float = 0.3
    """Seconds that `join` listens for peers before it decides that it is alone."""

    join_timeout_s: float = 10.0
    """Seconds after which `join` returns though it has not caught up; `status()` says why."""

    retry_peers_s: float = 5.0
    """Seconds between attempts to reach static and remembered addresses that do not answer."""

    linger_s: float = 1.0
    """Seconds that leaving may take to send the last writes and hear one peer confirm them."""

    forget_peer_after_s: float = 3600.0
    """Seconds after which a failed or departed peer is no longer listed or tried."""

    # -- dissemination --------------------------------------------------------------------------
    bandwidth_bits_per_s: float = 20e6
    """Budget for multicast of the whole mesh, in bit/s, shared by the peers that write.

    What exceeds it coalesces, or goes by stream.  Lower it on Wi-Fi, where multicast is slow.
    """

    multicast_burst_datagrams: int = 8
    """Datagrams that one peer may multicast at once before the budget holds it back."""

    batch_ring_bytes: int = 4 << 20
    """Bytes of closed batches kept for repairs and slow streams.  A peer further behind gets a delta."""

    held_batches_bytes: int = 16 << 20
    """Bytes of batches that wait for earlier ones.  The farthest are dropped first; a delta makes up for them."""

    repair_floor_s: float = 0.02
    """Seconds, at least, before a gap is reported, so that reordering alone costs nothing."""

    repair_batches_max: int = 32
    """Missing batches up to which a repair is asked for; for more, a whole exchange is."""

    push_peers_max: int = 16
    """Peers, up to which everyone streams to everyone where there is no multicast; beyond, log2(n) + 1."""

    exchanges_max: int = 2
    """Exchanges at once per peer."""

    # -- bounds ---------------------------------------------------------------------------------
    value_bytes_max: int = 32 << 20
    """Bytes of one encoded value.  Above it, the assignment raises `ValueTooLarge`."""

    message_bytes_max: int = 64 << 20
    """Bytes of one message on a stream, all its frames together."""

    delta_bytes_max: int = 1 << 30
    """Bytes of one delta, all its messages together."""

    origins_max: int = 65536
    """Origins that a vector received from outside may name."""

    # -- forgetting -----------------------------------------------------------------------------
    forget_deletes_after_s: float = 3600.0
    """Seconds for which a delete's record is kept.

    A peer that returns later costs a roster: one dot per live key.  Nothing resurrects either way.
    """

    deletes_max: int = 100_000
    """Records of deletes kept at most; the oldest are forgotten first."""

    expiry_grace_s: float = 60.0
    """Seconds after which an expired write is physically dropped: more than clocks differ."""

    rejoin_after_s: float = 3600.0
    """Absence after which a merged return is reported."""

    # -- clocks ---------------------------------------------------------------------------------
    clock_drag_s: float = 2.0
    """A remote stamp moves our hybrid clock only if it is at most this far ahead of our wall clock."""

    clock_skew_s: float = 1.0
    """Offset to a peer above which `status()` and the log report its clock."""

    # -- leases ---------------------------------------------------------------------------------
    lease_dissemination_s: float = 0.25
    """Seconds within which nearly every write (99 in 100) has reached every peer that can be reached.

    An advisory lease counts as held after `settle` = 2 * this + 2 * the greatest offset measured between
    our clock and a peer's (at most `clock_drag_s`).  Lower acquires sooner and is held twice more often.
    """

    lease_margin_s: float = 0.05
    """Seconds before its end at which a holder ceases to count on a lease, besides 2 % of the ttl for clock rates.

    Higher leaves more time between a check and its effect; the lease is shorter by as much.
    """

    # -- streams --------------------------------------------------------------------------------
    handshake_timeout_s: float = 5.0
    """Seconds that opening a stream may take, TLS handshake and introduction included."""

    stream_idle_s: float = 60.0
    """Seconds without a byte after which a stream is closed; it is opened anew when needed."""

    send_timeout_s: float = 10.0
    """Seconds for which a peer may refuse our bytes before its stream is dropped."""

    # -- watching -------------------------------------------------------------------------------
    changes_max: int = 1024
    """Keys with undelivered changes that a slow watcher may collect; beyond, it is told that it lags."""
