"""A mesh on free time: simulated nodes, links and faults, exactly repeatable."""
