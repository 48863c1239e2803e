"""The README's first Python shell.  Whoever reads along presses Enter in between."""

from shared_memory_dict import SharedMemoryDict

smd = SharedMemoryDict(name="tokens", size=1024)
smd["some-key"] = "some-value-with-any-type"
print(smd["some-key"])

input()
print(smd["new-key"])

input()
smd.shm.close()
smd.shm.unlink()  # Free and release the shared memory block at the very end
del smd
