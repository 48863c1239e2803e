"""A report of simulated runs: one HTML file that needs no network.

    mesh = Simulation(seed)
    trace = Trace(mesh, "two halves")
    ...
    write_report("report.html", traces=[trace])

`page` puts it together, `story` says what is drawn, the scripts beside them draw it.
"""

from __future__ import annotations

from ..trace import Trace
from .page import write_report

__all__ = ["Trace", "write_report"]
