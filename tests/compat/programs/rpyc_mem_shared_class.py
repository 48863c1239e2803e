"""The user guide's class whose attributes are shared by forked children, under a lock."""

from multiprocessing import Process

from rpyc_mem.session import RpycMemSession

rses = RpycMemSession("localhost", 18813)


class Shared:
    lock = rses.rmem("lock-key", robj_gen=lambda: rses.rmod("threading").Lock())
    obj = rses.rmem("obj-key", robj_gen=lambda: rses.rmod().list([1, 2]))

    def __init__(self, title):
        self.title = title

    def describe(self):
        with self.lock:
            print("%s: %s" % (self.title, self.obj))  # noqa: UP031

    @classmethod
    def run(cls):
        with cls.lock:
            if isinstance(cls.obj, list):
                print(cls.obj)
                cls.obj.rmem_update(rses.rmod().tuple([1, 2]))
            else:
                print("Oops")


if __name__ == "__main__":
    proc1 = Process(target=Shared.run)
    proc2 = Process(target=Shared.run)
    proc3 = Process(target=Shared("Cool-Class").describe)

    proc1.start()
    proc2.start()
    proc3.start()

    proc1.join()
    proc2.join()
    proc3.join()
