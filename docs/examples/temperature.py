"""A sensor: publishes a reading a second, which vanishes when it is not renewed.

python temperature.py "bench 3"           what this machine's own sensor says, or its load
python temperature.py "bench 3" --count 2  so many readings only
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from pathlib import Path

import gossamer

SENSOR = Path("/sys/class/thermal/thermal_zone0/temp")


def reading() -> float:
    """Return degrees, or, where there is no sensor, the load of this machine."""
    if SENSOR.exists():
        return int(SENSOR.read_text()) / 1000
    return round(os.getloadavg()[0], 2)


def main() -> None:
    """Publish until Ctrl-C, or so many times."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="where the sensor is")
    parser.add_argument("--count", type=int, default=-1, help="stop after so many readings")
    parser.add_argument("--interval", type=float, default=1.0, metavar="S", help="seconds between them (default: 1)")
    arguments = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())

    with gossamer.join(os.environ.get("GOSSAMER_MESH", "temperatures"), nickname=arguments.name) as mesh:
        left = arguments.count
        while left:
            value = reading()
            mesh.set(f"temperature/{arguments.name}", value, ttl=3 * arguments.interval, force=True)
            print(arguments.name, value, flush=True)
            left -= 1
            if left and stop.wait(arguments.interval):  # a pace, not a wait for others: nothing here waits for them
                break


if __name__ == "__main__":
    main()
