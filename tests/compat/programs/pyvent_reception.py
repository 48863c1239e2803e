"""Senders, and PyDispatcher's own signals beside pyvent's."""

import threading

import pyvent
from pydispatch import dispatcher

arrived = threading.Semaphore(0)


@pyvent.connect("new-customer", sender="customer-manager")
def fn(name):
    print(f"A customer has arrived: {name}")
    arrived.release()


@pyvent.connect("new-customer", sender=pyvent.Node.Any)
def count(sender):
    print(f"told by {sender}")
    arrived.release()


pyvent.send("new-customer", sender="somebody else", name="nobody")
arrived.acquire()
pyvent.send("new-customer", sender="customer-manager", name="ada")
arrived.acquire()
arrived.acquire()
dispatcher.send(signal="new-customer", sender="customer-manager", name="bob")
