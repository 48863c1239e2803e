"""Meaning to bytes and back: the only room that imports cbor2 and the ciphers."""
