"""The same replica as a Maelstrom node: JSON lines on standard input and output.

    python -m gossamer.simulation.maelstrom node broadcast        what Maelstrom starts N times
    python -m gossamer.simulation.maelstrom run broadcast         our own runner, without Clojure

Maelstrom (https://github.com/jepsen-io/maelstrom) starts nodes as processes, carries their
messages with latency, loss and partitions, and checks what clients see.  Here the real
encoded messages of a replica travel as base64 inside Maelstrom's messages.
"""
