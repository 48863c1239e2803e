"""Connecting by a decorator and by a function, both heard by whoever sends; then stopping."""

import threading

import pyvent

told = threading.Semaphore(0)


@pyvent.connect("food-burnt")
def decorated():
    print("Food is burnt :(")
    told.release()


def function():
    print("Open a window")
    told.release()


pyvent.start_server()
pyvent.connect("food-burnt", function)
sent = pyvent.send("food-burnt")
for _ in range(2):
    told.acquire()
print(pyvent.is_server(), sent)
pyvent.stop()
print("stopped", pyvent.is_server())
