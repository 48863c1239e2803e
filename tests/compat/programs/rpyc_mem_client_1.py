"""The README's first client: a session.  Whoever reads along presses Enter in between."""

from rpyc_mem.session import RpycMemSession

rses = RpycMemSession("localhost", 18813)
rm = rses.rmem("unique-key", robj_gen=lambda: rses.rmod().list([1, 2]))

print(rm)
input()
print(rm)
