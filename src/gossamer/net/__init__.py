"""Sockets, TLS and zeroconf on trio: it performs effects and decides nothing."""
