"""Each message of a channel is taken by one, in order, whatever breaks: laws over the machines of sender and takers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from talkers import Wires

from gossamer.protocol.effects import Consumed, Delivered
from gossamer.protocol.outlets import SUBSCRIBE, TAKE, WINDOW

SENDERS = (b"sender.one.!", b"sender.two.!")
TAKERS = (b"taker.one..!", b"taker.two..!", b"taker.three!")
BOOTS = (*SENDERS, *TAKERS)
WORK = (TAKE, "work")
NEWS = (SUBSCRIBE, "news")

actions = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.sampled_from(SENDERS)),
        st.tuples(st.just("want"), st.sampled_from(TAKERS)),
        st.tuples(st.just("want no more"), st.sampled_from(TAKERS)),
        st.tuples(st.just("keep"), st.sampled_from(TAKERS)),
        st.tuples(st.just("give back"), st.sampled_from(TAKERS)),
        st.tuples(st.just("step"), st.integers(0, 5)),
        st.tuples(st.just("settle"), st.none()),
        st.tuples(st.just("cut"), st.tuples(st.sampled_from(SENDERS), st.sampled_from(TAKERS))),
        st.tuples(st.just("join"), st.tuples(st.sampled_from(SENDERS), st.sampled_from(TAKERS))),
        st.tuples(st.just("say again"), st.tuples(st.sampled_from(SENDERS), st.sampled_from(TAKERS))),
        st.tuples(st.just("ask again"), st.tuples(st.sampled_from(TAKERS), st.sampled_from(SENDERS))),
        st.tuples(st.just("kill"), st.sampled_from(TAKERS[1:])),
    ),
    min_size=20,
    max_size=120,
)


class World:
    """Two senders and three takers of one channel, and a record of who had what."""

    def __init__(self, channel):
        self.channel = channel
        self.wires = Wires(*BOOTS)
        self.sent = []
        self.holding = {}
        """By message, who holds it and has not kept it."""
        self.kept = {}
        """By message, who kept it, in order."""
        self.lost = set()
        """What a taker held or had kept that died."""
        self.getters = {boot: [] for boot in TAKERS}
        self.numbers = 0
        for boot in TAKERS:
            self.wires.talkers[boot].inlets.open(channel)
            self.wires.talkers[boot].inlets.senders(channel, SENDERS)

    def do(self, what, whom):
        talkers = self.wires.talkers
        match what:
            case "step":
                ways = sorted(way for way, queue in self.wires.ways.items() if queue)
                if ways:
                    self.wires.step(ways[whom % len(ways)])
            case "settle":
                self.wires.settle()
            case "cut":
                self.wires.cut(*whom)
            case "join":
                self.wires.join(*whom)
            case "say again" | "ask again":
                self.wires.say_again(*whom)
            case "kill" if whom in talkers:
                self.wires.kill(whom)
                self.holding = {message: who for message, who in self.holding.items() if who != whom}
                self.lost |= {message for message, who in self.kept.items() if who == [whom]}
            case "post":
                number = talkers[whom].outlets.post(self.channel, b"", list(talkers)[2:], 0.0)
                self.sent.append((whom, number))
            case _ if whom in talkers:
                self.take(what, whom)
        self.look()

    def take(self, what, boot):
        inlets = self.wires.talkers[boot].inlets
        held = [message for message, who in self.holding.items() if who == boot]
        if what == "want":
            self.numbers += 1
            self.getters[boot].append(self.numbers)
            inlets.want(self.channel, self.numbers, 0.0)
        elif what == "want no more" and self.getters[boot]:
            inlets.want_no_more(self.channel, self.getters[boot].pop())
        elif what in ("keep", "give back") and held:
            self.finish(boot, held[0], what == "keep")

    def finish(self, boot, message, kept):
        del self.holding[message]
        if kept:
            self.kept.setdefault(message, []).append(boot)
        self.wires.talkers[boot].inlets.done(self.channel, *message, b"", kept=kept)

    def look(self):
        for boot in TAKERS:
            if boot not in self.wires.talkers:
                continue
            for delivered in self.wires.talkers[boot].told(Delivered):
                message = delivered.boot, delivered.number
                if delivered.getter not in self.getters[boot]:  # it wants no more
                    self.wires.talkers[boot].inlets.done(self.channel, *message, b"", kept=False)
                    continue
                self.getters[boot].remove(delivered.getter)
                assert message not in self.holding, "two hold one message"
                assert not self.kept.get(message) or message in self.lost, "what was kept comes again"
                self.holding[message] = boot

    def end(self):
        """Mend everything, and let the first taker have the rest."""
        for one in BOOTS:
            for other in BOOTS:
                if one != other:
                    self.wires.join(one, other)
        self.wires.settle()
        self.look()
        waits = any(self.getters[boot] for boot in TAKERS if boot in self.wires.talkers)
        idle = set(self.sent) - self.kept.keys() - self.holding.keys()
        assert not (waits and idle), "somebody waits, and a message does too"
        for message, boot in list(self.holding.items()):
            self.finish(boot, message, True)
        for _ in range(len(self.sent) + 50):
            self.take("want", TAKERS[0])
            self.wires.settle()
            self.look()
            for message, boot in list(self.holding.items()):
                self.finish(boot, message, True)
            self.wires.settle()


@settings(max_examples=75, deadline=None)
@given(actions)
def test_each_message_is_taken_once_and_only_what_a_dead_taker_held_is_taken_again(steps):
    world = World(WORK)
    for what, whom in steps:
        world.do(what, whom)
    world.end()

    assert world.kept.keys() == set(world.sent)
    assert all(len(takers) == 1 for message, takers in world.kept.items() if message not in world.lost)
    for sender in SENDERS:
        assert world.wires.talkers[sender].outlets.unfinished(WORK) == 0
        consumed = [notice.number for notice in world.wires.talkers[sender].told(Consumed)]
        assert sorted(consumed) == [number for boot, number in world.sent if boot == sender], "each once"


def test_a_sender_that_closes_a_channel_and_opens_it_again_is_heard_as_before():
    sender, taker = SENDERS[0], TAKERS[0]
    wires = Wires(sender, taker)
    outlets, inlets = wires.talkers[sender].outlets, wires.talkers[taker].inlets
    inlets.open(WORK)
    inlets.senders(WORK, [sender])
    inlets.want(WORK, 1, 0.0)
    wires.settle()
    outlets.post(WORK, b"before", [], 0.0)
    wires.settle()
    inlets.done(WORK, sender, 1, b"before", kept=True)
    inlets.want(WORK, 2, 0.0)
    wires.settle()

    outlets.close(WORK)
    outlets.post(WORK, b"after", [], 0.0)
    wires.settle()

    assert [delivered.payload for delivered in wires.talkers[taker].told(Delivered)] == [b"before", b"after"]


def test_what_is_given_back_while_it_is_granted_again_is_not_granted_to_a_third():
    sender, taker, other = SENDERS[0], TAKERS[0], TAKERS[1]
    wires = Wires(sender, taker, other)
    outlets, inlets = wires.talkers[sender].outlets, wires.talkers[taker].inlets
    for boot in (taker, other):
        wires.talkers[boot].inlets.open(WORK)
        wires.talkers[boot].inlets.senders(WORK, [sender])
    inlets.want(WORK, 1, 0.0)
    wires.settle()
    outlets.post(WORK, b"", [], 0.0)
    inlets.want_no_more(WORK, 1)
    wires.step((sender, taker))  # nobody waits for it: it is given back
    wires.say_again(sender, taker)  # but before that is heard, it is granted again
    inlets.want(WORK, 2, 0.0)
    wires.talkers[other].inlets.want(WORK, 3, 0.0)
    wires.settle()

    takers = [boot for boot in (taker, other) if wires.talkers[boot].told(Delivered)]
    assert takers == [taker]


def test_a_receiver_that_closes_a_channel_gives_back_what_it_holds_and_remembers_what_it_consumed():
    sender, taker, other = SENDERS[0], TAKERS[0], TAKERS[1]
    wires = Wires(sender, taker, other)
    outlets, inlets = wires.talkers[sender].outlets, wires.talkers[taker].inlets
    inlets.open(WORK)
    inlets.senders(WORK, [sender])
    for getter in (1, 2, 3):
        inlets.want(WORK, getter, 0.0)
    for _ in range(2):
        outlets.post(WORK, b"", [], 0.0)
    wires.settle()
    wires.cut(sender, taker)
    inlets.done(WORK, sender, 1, b"", kept=True)
    inlets.close(WORK)
    wires.join(sender, taker)
    wires.settle()
    assert outlets.unfinished(WORK) == 1

    wires.talkers[other].inlets.open(WORK)
    wires.talkers[other].inlets.senders(WORK, [sender])
    wires.talkers[other].inlets.want(WORK, 1, 0.0)
    wires.settle()
    assert [delivered.number for delivered in wires.talkers[other].told(Delivered)] == [2]


@settings(max_examples=50, deadline=None)
@given(actions)
def test_one_taker_gets_the_messages_of_each_sender_in_order(steps):
    world = World(WORK)
    for what, whom in steps:
        if what in ("post", "step", "settle", "cut", "join") or (what == "want" and whom == TAKERS[0]):
            world.do(what, whom)
        for message in list(world.holding):
            world.finish(TAKERS[0], message, True)
    world.end()

    for sender in SENDERS:
        numbers = [number for boot, number in world.kept if boot == sender]
        assert numbers == sorted(numbers)
        assert len(numbers) == len([1 for boot, _ in world.sent if boot == sender])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["post", "step", "cut", "join", "get", "give back"]), max_size=200), st.randoms())
def test_a_subscriber_gets_each_message_once_and_in_order_though_its_stream_breaks(steps, rng):
    sender, subscriber = SENDERS[0], TAKERS[0]
    wires = Wires(sender, subscriber)
    outlets, inlets = wires.talkers[sender].outlets, wires.talkers[subscriber].inlets
    inlets.open(NEWS)
    sent, got, getter = [], [], 0

    def look(kept=True):
        for delivered in wires.talkers[subscriber].told(Delivered):
            inlets.done(NEWS, delivered.boot, delivered.number, delivered.payload, kept=kept)
            if kept:
                got.append(delivered.number)

    for step in steps:
        match step:
            case "post":
                sent.append(outlets.post(NEWS, b"", [subscriber], 0.0))
            case "step":
                wires.step(rng.choice([(sender, subscriber), (subscriber, sender)]))
            case "cut":
                wires.cut(sender, subscriber)
            case "join":
                wires.join(sender, subscriber)
            case _ if inlets.level(NEWS)[0]:
                getter += 1
                inlets.want(NEWS, getter, 0.0)
        look(kept=step != "give back")
        assert inlets.level(NEWS)[0] <= WINDOW
    wires.join(sender, subscriber)
    wires.settle()
    for _ in range(len(sent)):
        getter += 1
        inlets.want(NEWS, getter, 0.0)
        wires.settle()
        look()
    wires.settle()

    assert got == sent
    assert outlets.unfinished(NEWS) == 0
