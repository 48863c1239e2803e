"""`python -m simulations`: the same as `gossamer simulate`, in a checkout."""

from __future__ import annotations

import sys

from gossamer.cli import main

if __name__ == "__main__":
    sys.exit(main(["simulate", *sys.argv[1:]]))
