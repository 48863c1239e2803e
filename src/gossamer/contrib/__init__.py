"""Gossamer in other frameworks.  Each module needs the framework that it is named for."""
