"""Machines of several boots, wired to each other by streams that a test moves along, breaks and joins again."""

from __future__ import annotations

from collections import deque

from gossamer.protocol.calls import Calls
from gossamer.protocol.inlets import Inlets
from gossamer.protocol.outlets import Outlets
from gossamer.protocol.serving import Serving


class FakeCourier:
    """Keeps the law of `protocol.courier`: whole and in order on one stream, nothing known of one that broke."""

    def __init__(self, boot, wires):
        self.boot, self.wires = boot, wires
        self.clients = {}
        self.now = 0.0

    def serve(self, client, *kinds):
        self.clients |= dict.fromkeys(kinds, client)

    def send(self, boot, message):
        if boot != self.boot and (self.boot, boot) not in self.wires.linked:
            return False
        self.wires.ways.setdefault((self.boot, boot), deque()).append(message)
        return True

    def alarm(self, at):
        pass


class Wires:
    """All boots, and what is on its way between them."""

    def __init__(self, *boots):
        self.linked = {(one, other) for one in boots for other in boots}
        self.ways = {}
        self.talkers = {boot: Talker(boot, self) for boot in boots}

    def step(self, way):
        """Let one message arrive."""
        queue = self.ways.get(way)
        if queue:
            message = queue.popleft()
            talker = self.talkers.get(way[1])
            if talker is not None:
                talker.courier.clients[type(message)].heard(way[0], message, talker.courier.now)

    def settle(self):
        """Let everything arrive that is on its way, and what follows from it."""
        while any(self.ways.values()):
            for way in sorted(way for way, queue in self.ways.items() if queue):
                self.step(way)

    def cut(self, one, other):
        """The stream between two breaks: what was on it is lost."""
        for way in ((one, other), (other, one)):
            self.ways.pop(way, None)
            self.linked.discard(way)

    def join(self, one, other):
        """Another stream is there."""
        if (one, other) in self.linked or not {one, other} <= self.talkers.keys():
            return
        self.linked |= {(one, other), (other, one)}
        for boot, peer in ((one, other), (other, one)):
            for client in dict.fromkeys(self.talkers[boot].courier.clients.values()):
                client.linked(peer)

    def say_again(self, one, other):
        """`one` is told that it must say again what matters, as when the other end alone has changed streams."""
        if (one, other) in self.linked and one in self.talkers:
            for client in dict.fromkeys(self.talkers[one].courier.clients.values()):
                client.linked(other)

    def kill(self, boot):
        """A process dies, and all others notice."""
        del self.talkers[boot]
        for other in self.talkers:
            self.cut(boot, other)
        for other in list(self.talkers):
            for client in dict.fromkeys(self.talkers[other].courier.clients.values()):
                client.gone(boot)


class Talker:
    """The machines of one boot."""

    def __init__(self, boot, wires):
        self.effects = []
        self.courier = FakeCourier(boot, wires)
        self.calls, self.serving = Calls(self.courier, self.effects), Serving(self.courier, self.effects)
        self.inlets, self.outlets = Inlets(self.courier, self.effects), Outlets(self.courier, self.effects)

    def told(self, kind):
        """Take the effects of one kind."""
        found = [effect for effect in self.effects if isinstance(effect, kind)]
        self.effects[:] = [effect for effect in self.effects if not isinstance(effect, kind)]
        return found
