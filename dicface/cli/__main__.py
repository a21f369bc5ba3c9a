"""`python -m dicface.cli …`, as the workflow calls it: it ends when Snakemake does."""

import sys

from dicface.base.processes import end_with_parent
from dicface.cli.main import main

end_with_parent()
sys.exit(main())
