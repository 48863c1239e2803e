"""`python tests/laboratory`: see `hunt`."""

import sys  # noqa: I001

import conftest  # noqa: F401  # so that the mutants of other rooms are found
from hunt import main

sys.exit(main())
