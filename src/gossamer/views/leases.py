"""What a lease is, whichever door it is used through: who holds it, under which token, until when.

1. `valid()` asks the clock, and nobody else: a process that stood still, whose machine slept, that was
   forked or cloned finds that it holds nothing any more.
2. Nothing renews a lease but its holder's own calls.  A worker that is stuck loses it.
3. What waits is told as a story: a generator that yields what it waits for, and each door waits in its way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import ConfigurationError, LeaseLost
from ..options import Options
from ..protocol.candidacy import LEASE_S_MAX

NAME_CHARACTERS_MAX = 128
TTL_S_MIN = 0.2
RENEW_AFTER = 1 / 3
"""`keep` renews once so much of what is held has passed: two more tries fit into the rest."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What a story waits for: it is sent whether `ready` came true within `timeout_s` seconds (None: for ever)."""

    ready: Callable[[], object]
    timeout_s: float | None


Story = Generator[Wait, bool, None]


def advanced(story: Story, came: bool) -> Wait | None:
    """Tell a story whether what it waited for came; return what it waits for next, None at its end."""
    try:
        return story.send(came)
    except StopIteration:
        return None


class Host(Protocol):
    """What a lease asks of its mesh: the handle of any door."""

    replica: Any
    driver: Any
    clock: Any
    options: Options
    is_forked: bool
    _closed: bool
    _batches: Any
    _ledger: Any

    @property
    def _until(self) -> Any:
        """Wait, as this door waits."""

    @property
    def me(self) -> Any:
        """Ourselves, as others see us."""

    def seen_ms(self) -> int:
        """Return the time by which rows expire."""

    def _wall_ms(self) -> int:
        """Return the wall clock."""

    def _space(self, number: int) -> Any:
        """Return the ground of objects of one kind."""

    def _call_listener(self, fn: Callable[[], Any]) -> None:
        """Call `fn` where listeners are called.  In the loop."""

    def _start_listening(self) -> None:
        """Have somebody who calls listeners."""

    def _check_open(self) -> None:
        """Raise MeshClosed if it is."""

    def _before_use(self) -> None:
        """Revive, or refuse, a forked child."""


class LeaseState(ABC):
    """One program's share in one lease."""

    def __init__(self, host: Host, name: str, ttl: float, timeout: float | None) -> None:
        self.name = checked_name(name)
        self.ttl_s = checked_ttl(ttl)
        self.timeout = timeout
        self.host = host
        self._boot = b""
        self._slept_s = 0.0
        self._lost_told = True
        self._lost: tuple[Callable[[], Any], ...] = ()

    # -- what each kind says ----------------------------------------------------------------------

    token = 0
    """The token under which it is held, or was last."""
    until = float("-inf")
    """When what is held ends, by the monotonic clock."""
    is_held = False
    """Whether it was acquired, and neither released nor seen to be lost."""

    @abstractmethod
    def acquiring(self, timeout: float | None) -> Story:
        """Come to hold it; raise LeaseHeld or NoQuorum after `timeout` seconds."""

    @abstractmethod
    def renewing(self) -> Story:
        """Hold it for another ttl, if it is held and that can be had."""

    @abstractmethod
    def release(self) -> None:
        """Hold it no more."""

    @abstractmethod
    def holder(self) -> str | None:
        """Return the name of who holds it, as far as we have heard."""

    # -- what all have in common ------------------------------------------------------------------

    def begins(self) -> None:
        """A story begins: note in which life of this process, and how long its machine has slept."""
        self.host._before_use()
        self.host._check_open()
        if self.host._batches.current() is not None:
            raise ConfigurationError(
                "a lease cannot be acquired inside mesh.batch(): nobody hears of it before the end"
            )
        self._boot = self.host.replica.identity.boot

    def now(self) -> float:
        """Return the monotonic clock, and what the machine slept since it was started."""
        clock = self.host.clock
        return float(clock.monotonic() + clock.slept() - self._slept_s)

    def awake(self) -> None:
        """What is asked from now on is counted from now: sleep before does not matter."""
        self._slept_s = self.host.clock.slept()

    def left_s(self) -> float:
        """Return for how many seconds it will be held, at most; 0 if it is not."""
        return max(0.0, self.until - self.now()) if self.is_held and self.lives() else 0.0

    def lives(self) -> bool:
        """Whether this is the run of the peer that asked for it: neither ended, nor a fork's child, nor begun anew."""
        host = self.host
        return not host._closed and not host.is_forked and bool(host.replica.identity.boot == self._boot)

    def acquired(self) -> None:
        """It is held from now on."""
        self._lost_told = False

    def on_lost(self, fn: Callable[[], Any]) -> None:
        """Call `fn` when it is lost."""
        self._lost = (*self._lost, fn)
        self.host._start_listening()

    def tell_lost(self) -> None:
        """It is lost: call whoever wants to know, once.  From any thread, under any lock."""
        if not self._lost_told:
            self._lost_told = True
            for fn in self._lost:
                self.host.driver.call_soon(lambda fn=fn: self.host._call_listener(fn))

    def keeping(self) -> Story:
        """Renew it if a third of it has passed; raise LeaseLost if it is not held then."""
        if self.left_s() < (1 - RENEW_AFTER) * self.ttl_s:
            yield from self.renewing()
        if not self.left_s():
            raise self.lost()

    def lost(self) -> LeaseLost:
        """Return what to raise for one who counts on it."""
        return LeaseLost(
            f"the lease {self.name!r} is not held (any more): stop what it protects, and acquire it again; its holder "
            f"is {self.holder() or 'nobody that we know of'}"
        )


def checked_name(name: object) -> str:
    """Return a lease's name; raise ConfigurationError if it cannot be one."""
    if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARACTERS_MAX:
        raise ConfigurationError(f"a lease's name is a str of 1 to {NAME_CHARACTERS_MAX} characters, not {name!r}")
    return str.__str__(name)


def checked_ttl(ttl: object) -> float:
    """Return how long a lease lasts without being renewed, in seconds."""
    if not isinstance(ttl, int | float) or not TTL_S_MIN <= ttl <= LEASE_S_MAX:
        raise ConfigurationError(f"a lease's ttl is {ttl!r}; give seconds, from {TTL_S_MIN} to {LEASE_S_MAX:.0f}")
    return float(ttl)


def checked_voters(voters: Sequence[Any]) -> tuple[str, ...]:
    """Return the names of voters; raise ConfigurationError if there are none, too many, or two of one name."""
    names = () if isinstance(voters, str) else tuple(v if isinstance(v, str) else getattr(v, "id", "") for v in voters)
    if not 1 <= len(names) <= 31 or len(set(names)) != len(names) or not all(0 < len(name) <= 64 for name in names):
        raise ConfigurationError(
            f"voters={voters!r}: give a list of 1 to 31 different nicknames or peers, the same in every program"
        )
    return tuple(sorted(names))
