"""The user guide's remote modules: a list and a lock without a name."""

from rpyc_mem.client import RemoteModule, RpycMem
from rpyc_mem.connect import RpycMemConnect

rc = RpycMemConnect("localhost", 18813)
rp = RemoteModule(rc)

rlist = rp().list([1, 2])
for i in rlist:
    print(i)
print(rlist.__class__ == list)  # noqa: E721

rlock = rp("threading").Lock()
rlock.acquire()
print(rlock.locked())
rlock.release()

with rlock:
    print("synchronized operation")

rm = RpycMem(rc, "key", 1)
rm = rm + 1
print(rm, type(rm))
rm = RpycMem(rc, "key1", 1)
_ = rm.rmem_update(rm + 1)
print(rm, type(rm).__name__)
