"""The README's second Python shell, on the same machine."""

from shared_memory_dict import SharedMemoryDict

existing_smd = SharedMemoryDict(name="tokens", size=1024)
print(existing_smd["some-key"])
existing_smd["new-key"] = "some-value-with-any-type"
existing_smd.shm.close()  # or "del existing_smd"
