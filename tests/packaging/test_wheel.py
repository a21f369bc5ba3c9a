"""The wheel works from any folder, and needs no file of the checkout that it was built from."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

from dicface.video.clips import write_clip

ROOT = Path(__file__).resolve().parents[2]

#: Writes down every file of the checkout that a process opens; the environment may lie in it.
LOOKOUT = f"""\
import os, sys
def look(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        path = os.path.abspath(arguments[0])
        if path.startswith({str(ROOT)!r} + os.sep) and not path.startswith({sys.prefix!r} + os.sep):
            os.write(2, f"OPENED {{path}}\\n".encode())
sys.addaudithook(look)
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Executables of an environment that has the wheel, and sees all other packages."""
    pytest.importorskip("hatchling", reason="the lock's hatchling is not installed: make install")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    offline = ["--quiet", "--no-index", "--no-deps"]
    build = [*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", folder, ROOT]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("dicface-*.whl")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv")}))
    others = [path for path in sys.path if Path(path).name == "site-packages"]
    (own / "others.pth").write_text("\n".join([*others, "import lookout"]) + "\n")
    (own / "lookout.py").write_text(LOOKOUT)
    subprocess.run([*pip, "--python", python, "install", *offline, wheel], check=True)
    seen = subprocess.run(
        [python, "-c", f"open({str(ROOT / 'LICENSE')!r})"], capture_output=True, text=True
    )
    assert "OPENED" in seen.stderr
    return python.parent


@pytest.fixture
def dicface(installed, tmp_path):
    """Runs `dicface` of the wheel in an empty folder; returns what it printed."""
    environment = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DICFACE_WEIGHTS")
    }

    def run(*words: object, status: int = 0) -> str:
        done = subprocess.run(
            [installed / "dicface", *map(str, words)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        assert "OPENED" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    return run


def test_lists_come_from_the_package(dicface) -> None:
    assert "arcface_w600k_r50" in dicface("weights", "list")
    listed = dicface("methods", "list")
    assert "DicFace" in listed
    assert "GPEN" in listed


def test_the_workflow_is_packed(dicface, tmp_path) -> None:
    (tmp_path / "mine.yaml").write_text("data: {test: {num_clips: 1}}\n")
    chosen = ("--config", "mine.yaml", "--set", "budget=quick")
    said = dicface("run", "table1", "-n", *chosen, "--", "--cores", "1")
    assert "rule render_clips:" in said
    assert "results/demo-quick/tables/table1.md" in said
    assert not (tmp_path / "results").exists()


def test_a_run_can_be_planned(dicface) -> None:
    said = dicface("plan", "--target", "table1", "--set", "budget=quick")
    assert "table1" in said
    assert "to download" in said


def test_a_clip_is_restored_and_scored(dicface, tmp_path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    (tmp_path / "clips").mkdir()
    write_clip(tmp_path / "clips" / "noise.mkv", frames, 25)
    dicface("restore", "--method", "input", "--input", "clips", "--out", "restored")
    said = dicface("score", "--restored", "restored", "--truth", "clips")
    assert "PSNR" in said
    assert (tmp_path / "scores" / "restored" / "report" / "index.html").is_file()


def test_another_copy_of_the_suite_is_refused(dicface, tmp_path) -> None:
    (tmp_path / "dicface").mkdir()
    (tmp_path / "dicface" / "__init__.py").touch()
    for command in (("run", "table1", "-n"), ("plan", "--target", "table1")):
        assert "another copy of the suite" in dicface(*command, status=2)
