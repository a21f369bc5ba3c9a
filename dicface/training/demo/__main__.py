"""`python -m dicface.training.demo …`: see `dicface.training.demo.weights`."""

import sys

from dicface.training.demo.weights import main

sys.exit(main())
