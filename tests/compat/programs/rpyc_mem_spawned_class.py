"""The user guide's class again, over a connection, by children that are spawned."""

import multiprocessing
from multiprocessing import Process

from rpyc_mem.client import RemoteModule, RpycMem
from rpyc_mem.connect import RpycMemConnect

rc = RpycMemConnect("localhost", 18813)
rp = RemoteModule(rc)


class Shared:
    lock = RpycMem(rc, "lock-key", robj_gen=lambda: rp("threading").Lock())
    obj = RpycMem(rc, "obj-key", robj_gen=lambda: rp().list([1, 2]))

    @classmethod
    def run(cls):
        with cls.lock:
            if isinstance(cls.obj, list):
                print(cls.obj)
                cls.obj.rmem_update(rp().tuple([1, 2]))
            else:
                print("Oops")


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    processes = [Process(target=Shared.run) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
