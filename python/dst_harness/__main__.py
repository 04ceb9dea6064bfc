"""`python -m dst_harness`, which is `harness` without a folder for programs on PATH."""

import sys

from dst_harness import main

sys.exit(main())
