"""Events: what programs emit, which is no state, beside the batches that are.

Each boot counts its events.  They go by multicast while that carries them, by streams
where it does not; who finds a number missing asks for it.  An event is held until the
state that its sender had written is here, so nobody ever hears "ready" before what is.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..options import Options
from ..wire.codec import encode_message
from ..wire.framing import DATAGRAM_BODY_MAX, packed
from ..wire.messages import Events, EventsRepair
from .effects import Effect, EventHad, Multicast, Presence, Wake
from .event_ring import KEPT_S, STREAM_MESSAGE_BYTES, EventRing
from .event_stream import EventStream, RawEvent, Replay
from .exchange import Link
from .exchanges import Exchanges
from .ledger import Ledger
from .membership import Member, Membership
from .post import Post

ANSWER_BYTES_MAX = 32 << 10
"""What is repeated at once to one who asks: it asks again for the rest."""
HAD_MAX = 64
CONFIRM_AGAIN_S = 0.1
LOOK_AGAIN_S = 1.0
EVENTS_LATELY_S = 2.0
"""Events older than this were repeated to whoever lacked them: leaving need not wait for anybody to say so."""
REPLAY_TRIES_MAX = 10


@dataclass(slots=True, eq=False)
class Question:
    """Who has had our event `number`?"""

    number: int
    had: set[bytes]
    """The boots that have said so."""


class EventObserver(Protocol):
    """Is told under the ledger's lock, in each sender's order.  It must be quick and call nothing back."""

    def happened(self, events: Sequence[RawEvent]) -> None:
        """These were emitted, by us or by one other."""

    def lost(self, boot: bytes, count: int) -> None:
        """So many events of this boot can no longer be had.  Not under the lock."""


class Emissions:
    """The events of this boot and of all others.  Only `emit` and `next_datagram` are for any thread."""

    def __init__(
        self,
        boot: bytes,
        ledger: Ledger,
        membership: Membership,
        exchanges: Exchanges,
        post: Post,
        effects: list[Effect],
        options: Options,
        rng: random.Random,
    ) -> None:
        self.ring = EventRing(boot, options)
        self.streams: dict[bytes, EventStream] = {}
        self.observer: EventObserver | None = None
        self.counts: Counter[str] = Counter()
        self.replay_wanted = False
        """Whether whoever is met shall be asked for what it emitted before."""
        self.due = math.inf
        """When `tick` has something to do."""
        self.holding = False
        """Whether an event waits for state: look again when that has grown."""
        self.had: dict[bytes, None] = {}
        """Messages that came last, and whose events have all been handed over: likely to come again, for nothing."""
        self._boot, self._ledger, self._membership = boot, ledger, membership
        self._exchanges, self._post, self._effects, self._rng = exchanges, post, effects, rng
        self._questions: list[Question] = []

    # -- emitting -------------------------------------------------------------------------------

    def emit(self, name: str, payload: bytes, now: float) -> int:
        """Emit an event; return its number.  Thread-safe; it is sent by `next_datagram` or `flush`."""
        ledger, ring = self._ledger, self.ring
        with ledger.lock:
            origin = ledger.origin
            head = 0 if origin is None else ledger.state.known.heads.get(origin, 0)
            needs = None if origin is None or not head else (origin, head)
            number = ring.add(name, payload, needs, now)
            if self.observer is not None:
                self.observer.happened((RawEvent(self._boot, number, name, payload),))
        return number

    def next_datagram(self, now: float) -> tuple[bytes, ...] | None:
        """Return the next datagram of our events, if it may be multicast now.  Thread-safe."""
        if not self._post.has_multicast:
            return None
        with self._ledger.lock:
            datagram = self.ring.next_datagram(now)
            if datagram is not None:
                self._post.multicasts += 1
        return datagram

    def flush(self, now: float) -> float:
        """Send what was emitted; return when to go on, infinity if everything is on its way."""
        ring, lock = self.ring, self._ledger.lock
        with lock:
            start = ring.multicast_until
            if ring.idle or not self._membership.members:
                ring.skip()
                ring.attended = False
                return math.inf
        self._stop_pushing(now)
        for link in self._exchanges.links.values():
            if link.cursor is not None and link.events is None:  # multicast does not reach its peer
                link.events = start
        while (datagram := self.next_datagram(now)) is not None:
            self._effects.append(Multicast(datagram))
        self._push(now)
        for link in self._exchanges.links.values():
            if link.events is not None:
                self._effects.append(Wake(link.number))
        with lock:
            ring.attended = not ring.idle
            return ring.affordable_at(now) if ring.attended else math.inf

    def _push(self, now: float) -> None:
        """Leave to streams, one to each peer, what multicast cannot carry."""
        ring = self.ring
        with self._ledger.lock:
            if ring.idle or not (ring.pushing or not self._post.has_multicast or ring.overloaded()):
                return
            if ring.pushing:
                ring.skip()
                return
            ring.push()
        for member in self._membership.alive():
            link = self._exchanges.link_of(member)
            if link is None:
                self._exchanges.connect(member.stream_address, now)
            elif link.events is None:
                link.events = ring.pushed_from

    def _stop_pushing(self, now: float) -> None:
        """Go back to multicast once every stream has carried all there was before the latest burst."""
        ring = self.ring
        pushed = [link for link in self._exchanges.links.values() if link.events is not None]
        if ring.pushing and all((link.events or 0) >= ring.multicast_until for link in pushed):
            ring.pushing = False
            for link in pushed:
                if link.cursor is None:
                    link.events = None

    def linked(self, link: Link) -> None:
        """A stream is there: it carries what streams carry."""
        if self.ring.pushing and link.events is None:
            link.events = self.ring.pushed_from
            self._effects.append(Wake(link.number))

    def pull(self, link: Link) -> list[bytes]:
        """Return the next events for a link; an empty list while there are none."""
        ring = self.ring
        if link.events is None or link.events >= ring.emitted:
            return []
        with self._ledger.lock:
            found = ring.messages(link.events, ring.emitted, STREAM_MESSAGE_BYTES, STREAM_MESSAGE_BYTES)
        link.events = found[-1][0] if found else ring.emitted
        return [data for _, data in found]

    def head(self, now: float) -> list[Events]:
        """Return what tells others how many events there are: nothing by who emits none, or has not for long."""
        if not self.ring.emitted:
            return []
        with self._ledger.lock:
            return self.ring.head(now)

    def latest(self) -> tuple[int, float] | None:
        """Return the number of our latest event, and when it was emitted; None if there is none."""
        with self._ledger.lock:
            at = self.ring.latest_at()
            return None if at is None else (self.ring.emitted, at)

    # -- confirmation ---------------------------------------------------------------------------

    def question(self, number: int) -> Question:
        """Return what is to be asked about our event `number`.  Thread-safe."""
        return Question(number, set())

    def ask_confirmed(self, question: Question, now: float) -> None:
        """Ask every member to tell when it has had an event, until all have or `forget_question`."""
        self._questions.append(question)
        self.due = now

    def forget_question(self, question: Question) -> None:
        """Ask no more."""
        if question in self._questions:
            self._questions.remove(question)

    def unconfirmed(self, question: Question) -> list[Member]:
        """Return the living members that have not told that they had that event."""
        had = question.had
        return [m for m in self._membership.alive() if m.introduced and m.boot not in had]

    # -- what is heard --------------------------------------------------------------------------

    def met(self, member: Member, events: int, now: float) -> None:
        """A member says who it is, and that it emitted so many events before now."""
        if member.boot not in self.streams:
            stream = self.streams[member.boot] = EventStream(member.boot, events)
            if self.replay_wanted and events:
                self._replay(stream, events, now)

    def heard(self, member: Member, message: Events, now: float) -> None:
        """A member tells of its events.  One that we do not know yet is asked for them once we do."""
        stream = self.streams.get(member.boot)
        if stream is None or message.boot != member.boot:
            self.counts["events of strangers"] += len(message.items) or 1
            return
        if stream.replay is not None:
            self._tell(stream.replayed(message))
        self._advance(stream, now, message)

    def note(self, message: Events, data: bytes) -> None:
        """Remember a message that has been heard, if nothing can come of hearing it again."""
        stream = self.streams.get(message.boot)
        if stream is not None and message.items and not message.answer_wanted and stream.has_all(message):
            self.had[data] = None
            if len(self.had) > HAD_MAX:
                del self.had[next(iter(self.had))]

    def release(self, now: float) -> None:
        """Our state has grown: hand over what waited for it."""
        self.holding = False
        for stream in list(self.streams.values()):
            if stream.blocked:
                self._advance(stream, now)

    def _advance(self, stream: EventStream, now: float, message: Events | None = None) -> None:
        """Hand over what can be, after hearing `message` if there is one."""
        lost = stream.lost
        with self._ledger.lock:
            known = self._ledger.state.known
            ready = stream.advance(known) if message is None else stream.take(message, known)
            if ready:
                self.counts["events received"] += len(ready)
                if self.observer is not None:
                    self.observer.happened(ready)
        if message is not None and message.answer_wanted:
            stream.owe(message.first + len(message.items) - 1)
        if stream.owes:
            self._answer(stream)
        if stream.lost != lost:
            self._report(stream, stream.lost - lost)
        if not stream.calm:
            self.holding = self.holding or stream.blocked
            self._plan(stream, now)

    def _answer(self, stream: EventStream) -> None:
        member = self._membership.members.get(stream.boot)
        for n in stream.answers():
            if member is not None:
                self._post.to(member, EventsRepair(stream.boot, n, n))

    def _tell(self, events: list[RawEvent]) -> None:
        if events and self.observer is not None:
            with self._ledger.lock:
                self.observer.happened(events)

    def _report(self, stream: EventStream, count: int) -> None:
        self.counts["events missed"] += count
        if self.observer is not None:
            self.observer.lost(stream.boot, count)

    def asked(self, member: Member, request: EventsRepair) -> None:
        """A member lacks events of ours, or has had one."""
        if request.boot != self._boot:
            return
        if request.after >= request.until:
            for question in self._questions:
                if question.number == request.until:
                    question.had.add(member.boot)
                    self._effects.append(EventHad(member.boot, request.until))
            return
        size_max = DATAGRAM_BODY_MAX - 2
        with self._ledger.lock:
            found = self.ring.messages(request.after, request.until, size_max, ANSWER_BYTES_MAX)
            gone = self.ring.head(-math.inf) if not found else []
        self.counts["events repeated"] += len(found)
        small = [data for _, data in found if len(data) <= size_max] + [encode_message(head) for head in gone]
        for messages in packed(small):
            self._post.encoded_to(member, tuple(messages))
        link = self._exchanges.link_of(member)
        if len(small) < len(found):
            if link is None:
                self._exchanges.connect(member.stream_address, 0.0)
            elif link.events is None or link.events > request.after:
                for data in (data for _, data in found if len(data) > size_max):
                    self._exchanges.send(link, data)

    # -- time -----------------------------------------------------------------------------------

    def replay(self, now: float) -> None:
        """Ask everybody for what it emitted before we met, as far as it still can repeat it."""
        self.replay_wanted = True
        for stream in self.streams.values():
            if stream.next > 1:
                self._replay(stream, stream.next - 1, now)

    def _replay(self, stream: EventStream, until: int, now: float) -> None:
        stream.replay = Replay(1, until)
        self.had.clear()  # what was heard before has to be heard again
        self._plan(stream, now)

    def _plan(self, stream: EventStream, now: float) -> None:
        stream.plan(now, self._rng)
        if stream.blocked:
            stream.ask_at = min(stream.ask_at, now + LOOK_AGAIN_S)
        self.due = min(self.due, stream.ask_at)

    def tick(self, now: float) -> None:
        """Ask for what is due; give up what nobody can repeat."""
        if now < self.due:
            return
        self.due = math.inf
        for stream in list(self.streams.values()):
            if stream.ask_at <= now:
                self._look_after(stream, now)
            self.due = min(self.due, stream.ask_at)
        for question in self._questions:
            with self._ledger.lock:
                message = Events(self._boot, question.number + 1, None, (), self.ring.oldest, True)
            for member in self.unconfirmed(question):
                self._post.to(member, message)
            self.due = min(self.due, now + CONFIRM_AGAIN_S)

    def _look_after(self, stream: EventStream, now: float) -> None:
        member = self._membership.members.get(stream.boot)
        stream.ask_at = math.inf
        if self._is_hopeless(stream, member, now):
            lost = stream.lost
            stream.give_up()
            self._report(stream, stream.lost - lost)
            self._advance(stream, now)
        elif member is not None and member.alive:
            self._ask(stream, member, now)
            self._plan(stream, now)
        else:
            stream.ask_at = now + LOOK_AGAIN_S

    def _is_hopeless(self, stream: EventStream, member: Member | None, now: float) -> bool:
        if member is None:
            return True
        if not member.alive:
            left_at_once = member.presence is Presence.LEFT and not stream.blocked
            return left_at_once or now - member.left_at > KEPT_S
        return stream.asked_since is not None and now - stream.asked_since > KEPT_S

    def _ask(self, stream: EventStream, member: Member, now: float) -> None:
        gaps = stream.gaps() if stream.gapped else []
        if stream.replay is not None:
            stream.replay.tries += 1
            if stream.replay.tries > REPLAY_TRIES_MAX:
                stream.replay = None
            else:
                gaps.append((stream.replay.next - 1, stream.replay.until))
        if gaps:
            self._post.to(member, *(EventsRepair(stream.boot, after, until) for after, until in gaps))
            stream.asked(now)

    def forget(self, boot: bytes) -> None:
        """This member is listed no more."""
        self.streams.pop(boot, None)


__all__ = ["Emissions", "EventObserver", "RawEvent"]
