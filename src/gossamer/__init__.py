"""Gossamer: a dict that several Python programs share, with no server."""
