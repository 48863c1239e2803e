"""The verb doctor: can this host take part, who is there, and what to do."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from .output import Output, coloured, escaped
from .taking_part import arguments_for
from .verb import Exit, Verb

LISTEN_S = 2.5
"""Two beacons of a peer with the default interval, at least one of which is heard."""
NO_MESH = "gossamer doctor"
MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "problem": ("PROBLEM", "red")}


def run(arguments: Namespace, output: Output) -> int:
    """Examine this host and the mesh."""
    from ..diagnose import diagnose
    from ..settings import setting

    mesh = arguments.mesh or setting("mesh").value
    opened_with = arguments_for(arguments, mesh=mesh or NO_MESH)
    if not output.as_json:
        output.hint("listening ...")
    listen_s = LISTEN_S if arguments.timeout is None else arguments.timeout
    diagnosis = diagnose(opened_with, listen_s, named=mesh is not None)
    if output.as_json:
        output.document(
            {
                "healthy": diagnosis.healthy,
                "findings": [asdict(finding) for finding in diagnosis.findings],
                **diagnosis.facts,
            }
        )
    else:
        for finding in diagnosis.findings:
            word, colour = MARKS[finding.level]
            output.line(f"{coloured(word.ljust(8), colour)} {finding.topic}: {escaped(finding.says)}")
            if finding.do:
                output.line(f"         -> {finding.do}")
    return Exit.OK if diagnosis.healthy else Exit.FALSE


VERBS = (
    Verb(
        "doctor",
        "examine network, clocks and peers, and say what to do",
        run,
        details="Works without a network and without a mesh; with one, tells of its peers as well.\n"
        "Exits with 1 if it finds a problem.",
        timeout="seconds to listen (default: 2.5)",
    ),
)
