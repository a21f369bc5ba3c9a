"""Where the suite's files lie that are no Python: Snakefile, workflow/, profiles/, config/."""

from __future__ import annotations

from pathlib import Path

from dicface.base.errors import ConfigError

PACKAGE = Path(__file__).resolve().parents[1]
PACKED = "_suite"


def suite_folder() -> Path:
    """Returns the folder of Snakefile, workflow/, profiles/ and config/.

    An installed wheel has them inside the package; a checkout beside it.
    """
    packed = PACKAGE / PACKED
    return packed if packed.is_dir() else PACKAGE.parent


def require_same_suite(workflow: Path) -> None:
    """Looks whether the package beside a workflow, if there is one, is the one in use.

    Args:
        workflow: Folder of the workflow's Snakefile, or the one where it is to run: jobs import
            what lies there.

    Raises:
        ConfigError: It is another one.
    """
    workflow = workflow.resolve()
    own = workflow.parent if workflow.name == PACKED else workflow / "dicface"
    if (own / "__init__.py").is_file() and own != PACKAGE:
        raise ConfigError(
            f"found another copy of the suite, {own}, than the one in use, {PACKAGE}; some jobs "
            "would run in the one and some in the other. Install that checkout (`make install`) "
            "and call `snakemake` in it, or start `dicface` in a folder that holds no `dicface`."
        )
