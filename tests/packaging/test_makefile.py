"""`make install` says what is wrong with a Python or an environment before it installs anything."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Says that it is Python 3.10, writes down what it is asked, and installs nothing.
OLD_PYTHON = """\
#!{python}
import sys
open({log!r}, "a").write(repr(sys.argv[1:]) + "\\n")
if sys.argv[1:2] != ["-c"]:
    sys.exit("the old Python was asked for more than its version")
sys.version_info = (3, 10, 14, "final", 0)
code, sys.argv = sys.argv[2], ["-c", *sys.argv[3:]]
exec(code)
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make")


@pytest.fixture
def checkout(tmp_path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def old_python(tmp_path) -> Path:
    path = tmp_path / "python3.10"
    path.write_text(OLD_PYTHON.format(python=sys.executable, log=str(tmp_path / "asked.txt")))
    path.chmod(0o755)
    return path


def install(checkout: Path, python: str | Path = sys.executable) -> str:
    """What `make install` says; it must fail."""
    offline = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
    done = subprocess.run(
        ["make", "install", f"PYTHON={python}", "VENV=.venv"],
        cwd=checkout,
        env={**os.environ, **offline},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    return done.stdout


def test_an_old_python_is_refused(checkout, old_python) -> None:
    said = install(checkout, old_python)
    assert f"{old_python}: found Python 3.10, expected 3.11 to 3.14: name another one" in said
    assert not (checkout / ".venv").exists()
    assert len((checkout / "asked.txt").read_text().splitlines()) == 1


def test_an_environment_of_an_old_python_is_refused(checkout, old_python) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    shutil.copy(old_python, python)
    said = install(checkout)
    assert ".venv/bin/python: found Python 3.10, expected 3.11 to 3.14: remove the folder" in said
    assert python.exists()


@pytest.mark.parametrize("left", ["nothing", "a link to a Python that is gone"])
def test_an_environment_without_a_python_is_refused(checkout, left) -> None:
    folder = checkout / ".venv" / "bin"
    folder.mkdir(parents=True)
    if left != "nothing":
        (folder / "python").symlink_to(checkout / "gone" / "python3.11")
    said = install(checkout)
    assert ".venv: found no Python that runs" in said
    assert "remove that folder and call make again" in said
