"""The house is as docs/architecture.md draws it: floors, a page made from docstrings, no torch."""

import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_imports_go_down_and_the_baselines_stay_outside():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_shows_the_packages_as_they_are():
    made = runpy.run_path(str(ROOT / "docs" / "architecture.py"))
    assert made["PAGE"].read_text() == made["page"](), "run: python docs/architecture.py"


def test_dicface_holds_packages_and_no_loose_module():
    loose = {path.name for path in (ROOT / "dicface").glob("*.py")}
    assert loose <= {"__init__.py", "api.py"}
    assert len([path for path in (ROOT / "dicface").iterdir() if path.is_dir()]) <= 21


def test_command_line_and_planning_load_no_torch():
    code = (
        "import sys, dicface.cli.main, dicface.jobs, dicface.workflow.plan\n"
        "from dicface.cli.main import parse; parse(['score', '--restored', 'a', '--truth', 'b'])\n"
        "print(sorted({'torch', 'pandas', 'cv2', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
