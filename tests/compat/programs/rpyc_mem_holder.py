"""Takes a lock and keeps it until it dies; it says once how long that is remembered."""

import time

from rpyc_mem import configure
from rpyc_mem.client import RemoteModule, RpycMem
from rpyc_mem.connect import RpycMemConnect

configure(lock_ttl_s=1.2)
rc = RpycMemConnect("localhost", 18813)
rp = RemoteModule(rc)
lock = RpycMem(rc, "lock", robj_gen=lambda: rp("threading").Lock())
lock.acquire()
print("held")
time.sleep(60)
