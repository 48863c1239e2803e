"""The README's server."""

from rpyc_mem.service import RpycMemService

rs = RpycMemService("localhost", 18813)
rs.run()
