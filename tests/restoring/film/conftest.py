"""Shared by the tests of films."""

from pathlib import Path

import pytest

from dicface.restoring.film import plan
from dicface.restoring.film.film import restore_films
from dicface.restoring.film.settings import FilmSettings
from tests.restoring.film.simple import Invert, tools, track


@pytest.fixture
def restored(tmp_path):
    """Returns a function that restores a film and gives the files of the result."""

    def run(film: Path, *tracks, method=None, out="out", shots=None, found=None, **settings):
        found = found or tools(*(tracks or (track(),)), shots=shots)
        files = restore_films(
            [film],
            method or Invert(task="inpainting" if settings.get("mask") else "bfr"),
            FilmSettings(**settings),
            out=tmp_path / out,
            tools=found,
            progress=False,
        )
        return files[film]

    return run


@pytest.fixture
def short_segments(monkeypatch):
    """Segments of ten frames at 25 frames a second."""
    monkeypatch.setattr(plan, "SEGMENT_S", 0.4)
