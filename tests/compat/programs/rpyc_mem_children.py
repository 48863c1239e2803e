"""The user guide's parent and child, which make one list."""

from multiprocessing import Process

from rpyc_mem.client import RemoteModule, RpycMem
from rpyc_mem.connect import RpycMemConnect


def target_proc(unique_key):
    print("Child Process:")
    rc = RpycMemConnect("localhost", 18813)
    rp = RemoteModule(rc)
    rm = RpycMem(rc, unique_key, robj_gen=lambda: rp().list([1, 2, 3]))
    print(rm)
    rm.append(3)
    print("---------")


if __name__ == "__main__":
    print("Parent Process:")
    rc = RpycMemConnect("localhost", 18813)
    rp = RemoteModule(rc)

    rm = RpycMem(rc, "unique-key", rp().list([1, 2]))
    print(rm)
    print(len(rm))

    proc = Process(target=target_proc, args=("unique-key",))
    proc.start()
    proc.join()

    print(rm)
    print("---------")
