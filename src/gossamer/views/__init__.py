"""Local shapes of the state."""
