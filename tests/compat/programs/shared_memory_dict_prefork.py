"""A server that makes the memory before its workers, as gunicorn's `on_starting` would, and frees it after them."""

import os

from shared_memory_dict import SharedMemoryDict
from shared_memory_dict.hooks import create_shared_memory, free_shared_memory


def on_starting():
    create_shared_memory("requests", 4096)


def on_exit():
    free_shared_memory("requests")


def worker(number):
    smd = SharedMemoryDict("requests", 4096)
    for request in range(50):
        smd[f"{number}/{request}"] = "served"


on_starting()
workers = []
for number in range(3):
    pid = os.fork()
    if pid == 0:
        worker(number)
        os._exit(0)
    workers.append(pid)
for pid in workers:
    os.waitpid(pid, 0)
print(len(SharedMemoryDict("requests", 4096)))
on_exit()
try:
    on_exit()
except FileNotFoundError:
    print("freed")
