"""The README's second client: what a session is made of."""

from rpyc_mem.client import RemoteModule, RpycMem
from rpyc_mem.connect import RpycMemConnect

rc = RpycMemConnect("localhost", 18813)
rp = RemoteModule(rc)
rm = RpycMem(rc, "unique-key", robj_gen=lambda: rp().list([1, 2, 3]))

print(rm)
rm.append(3)
