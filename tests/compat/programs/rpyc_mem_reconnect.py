"""The user guide's connection that is closed in every way, and comes back."""

from rpyc_mem.connect import RpycMemConnect

rc = RpycMemConnect("localhost", 18813, max_retry=1)
print(rc.root.memoize == rc.memoize)
print(rc.is_memoized("not_memoized"))
rc.close()

try:
    rc.rpyc_conn.root.rpyc_version()
except EOFError:
    rc.setup_rmem_conn()
    print(rc.rpyc_conn.root.rpyc_version() == rc.rpyc_version())

rc.rpyc_conn.close()
print(rc.rpyc_version() == rc.root.rpyc_version())

rc.rpyc_conn.close()


def reconnect_hook():
    print("re-connected")


@rc.rmem_except_handler(on_reconnect=reconnect_hook)
def rmem_fn():
    print(rc.rpyc_conn.root.is_memoized("not_memoized"))


rmem_fn()
