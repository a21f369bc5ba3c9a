"""A film whose process is killed outright: the same command goes on, to the same bytes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

import dicface
from tests.restoring.film.films import make_film

FPS = 2
"""Few frames make segments of 10 s."""


def swaying(number: int, sides: tuple[int, int]) -> np.ndarray:
    """The head of a photograph, which moves a little."""
    left = 60 + round(20 * np.sin(number / 5))
    return astronaut()[: sides[0], left : left + sides[1]]


def start(film: Path, out: Path) -> subprocess.Popen:
    words = ["restore", film, "--method", "input", "--detector", "dlib", "--upscale", "2"]
    return subprocess.Popen(
        [sys.executable, "-m", "dicface.cli", *words, "--threads", "1", "--out", out],
        env={**os.environ, "PYTHONPATH": str(Path(dicface.__file__).parents[1])},
    )


def wait_for(there: Path, process: subprocess.Popen) -> None:
    until = time.monotonic() + 600
    while not there.exists():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.mark.slow
def test_a_killed_film_goes_on_and_has_the_same_bytes(tmp_path):
    film = make_film(tmp_path / "a.mp4", 50, fps=FPS, sides=(288, 384), sound=1, pictures=swaying)
    undisturbed = start(film, tmp_path / "whole")

    killed = start(film, tmp_path / "killed")
    unfinished = tmp_path / "killed" / ".a.parts"
    for there in (unfinished / "found/found.json", unfinished / "segments/00000"):
        wait_for(there, killed)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert [file.name for file in (tmp_path / "killed").iterdir()] == [".a.parts"]
    first = (unfinished / "segments/00000/film.nut").stat().st_mtime_ns

    again = start(film, tmp_path / "killed")
    wait_for(unfinished / "segments/00001", again)
    assert (unfinished / "segments/00000/film.nut").stat().st_mtime_ns == first
    assert again.wait() == undisturbed.wait() == 0
    result = tmp_path / "killed/a.mp4"
    assert result.read_bytes() == (tmp_path / "whole/a.mp4").read_bytes()
    assert not unfinished.exists()
