"""A node of its own in a process of multiprocessing; the parent uses the module's functions."""

from multiprocessing import Process

import pyvent
from pyvent import Node


def process():
    node = Node(id="cook")
    cooked = []

    @node.connect("make-food")
    def fn(food):
        print(f"Making {food}", flush=True)
        cooked.append(food)

    while not cooked:
        node.send("cook-is-here")
        node.wait_for("make-food", timeout=0.05)


if __name__ == "__main__":
    p = Process(target=process)
    p.start()
    args, kargs = pyvent.wait_for("cook-is-here", sender="pyvent.cook", timeout=20)
    print(args, kargs["sender"], flush=True)
    while p.is_alive():
        pyvent.send("make-food", food="chicken")
        p.join(0.1)
