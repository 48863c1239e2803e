"""What comes with py-share to try it: `tx` in one window, `rx` in another, or both in one."""

import sys
import time

import share


def tx(n=0):
    share.face(f"happy:{n}")


def rx():
    if share.isFace():
        d = share.getFace()
        print(d)


def test():
    for i in range(10):
        tx(i)
        rx()
        time.sleep(0.01)


def test_tx():
    for i in range(10):
        tx(i)
        time.sleep(0.01)


def test_rx():
    while True:
        rx()
        time.sleep(0.01)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        test()
    else:
        mode = sys.argv[1]
        if mode == "tx":
            test_tx()
        elif mode == "rx":
            test_rx()
