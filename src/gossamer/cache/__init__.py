"""One host, one replica: shared memory in which every process of a machine reads what one peer holds."""
