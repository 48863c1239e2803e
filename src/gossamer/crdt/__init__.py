"""The replicated map: pure state, standard library only; values are opaque bytes."""
