"""The caches that shared-memory-dict had for Django and aiocache, each in the mesh `sm_<name>`."""
