"""`python -m dicface.cli …`, as the workflow calls it."""

import sys

from dicface.cli.main import main

sys.exit(main())
