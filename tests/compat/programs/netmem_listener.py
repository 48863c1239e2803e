"""The listener of netmem's README."""

import netmem


def memory_changed(netmem_dict, key, old_val, new_val):
    print("Update {}:{}".format(key, new_val))


def main():
    mem = netmem.NetworkMemory()
    mem.add_listener(memory_changed)
    mem["foo"] = "bar"


if __name__ == "__main__":
    main()
