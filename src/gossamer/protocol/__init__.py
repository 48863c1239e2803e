"""The replication protocol, without input or output: given `now` and a random source, never taking them."""
