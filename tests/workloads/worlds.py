"""The simulated world that workloads are told to here."""
from gossamer.simulation import Simulation as World
