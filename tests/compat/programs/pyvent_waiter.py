"""Blocking listeners, options, and a node that may not be a server."""

import pyvent

pyvent.configure(server=True, id="waiter")
node = pyvent.Node(server=False)

args, kargs = pyvent.wait_for("food-ready", timeout=0.1)
print("Took too long!" if kargs is None else kargs)

args, kargs = pyvent.wait_for("food-ready", timeout=5, send={"signal": "food-ready", "food": "soup"})
if kargs:
    print(f"Food ready: {kargs['food']}")
else:
    print("Took too long!")

print(node.send("food-ready", food="cake"), node.is_server())
