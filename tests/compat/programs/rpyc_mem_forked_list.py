"""A class attribute that forked children fill."""

import multiprocessing
import time

from rpyc_mem.session import RpycMemSession

multiprocessing.set_start_method("fork")
session = RpycMemSession("localhost", 18813)


class Shared:
    items = session.rmem("items", robj_gen=lambda: session.rmod().list())


def work(number):
    Shared.items.append(number)


children = [multiprocessing.Process(target=work, args=(number,)) for number in range(3)]
for child in children:
    child.start()
for child in children:
    child.join()
while len(Shared.items) < 3:
    time.sleep(0.01)
print(sorted(Shared.items), [child.exitcode for child in children])
