"""The demo."""

VERBS = ()
