"""Stages in threads: order, errors, bounds, and the time that each takes."""

import threading
import time

import numpy as np
import pytest

from dicface.faces.detect import Face
from dicface.faces.dlib_models import Box
from dicface.restoring.film.ahead import Meter, ahead, worked
from dicface.restoring.film.tools import Remembering


def test_items_come_in_order_from_another_thread():
    made = []

    def items():
        for number in range(20):
            made.append(threading.get_ident())
            yield number

    assert list(ahead(ahead(items(), 2), 3)) == list(range(20))
    assert threading.get_ident() not in made


def test_no_more_are_made_than_may_wait():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    stream = ahead(items(), 2)
    assert next(stream) == 0
    time.sleep(0.2)
    # One given, two waiting, and one that waits to wait.
    assert len(made) <= 4
    stream.close()


def test_errors_come_where_items_are_used():
    def items():
        yield 1
        raise ValueError("broken")

    stream = ahead(ahead(items(), 2), 2)
    assert next(stream) == 1
    with pytest.raises(ValueError, match="broken"):
        next(stream)


def test_threads_end_when_nobody_wants_more():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    before = threading.active_count()
    stream = ahead(ahead(items(), 2), 2)
    next(stream)
    stream.close()
    assert closed.wait(5)
    assert threading.active_count() == before


def test_waiting_for_another_stage_is_no_work():
    def slow():
        for number in range(4):
            time.sleep(0.05)
            yield number

    meter = Meter()
    assert list(worked(ahead(worked(slow(), "slow", meter), 1), "quick", meter)) == [0, 1, 2, 3]
    assert meter.frames == {"slow": 4, "quick": 4}
    assert meter.seconds["slow"] > 0.15
    assert meter.seconds["quick"] < 0.1
    assert set(meter.rates()) == {"slow", "quick"}


class Detector:
    """Sees a face where the picture says."""

    name, sha256 = "test", "0" * 64

    def __init__(self):
        self.looked = 0

    def search(self, frame, scale):
        self.looked += 1
        x = float(frame[0, 0, 0]) / 3
        return [Face(box=Box(x, x, x + 10, x + 10), score=scale / 7, points=np.full((5, 2), x))]


def test_what_a_detector_saw_is_read_after_a_restart(tmp_path):
    log, pictures = tmp_path / "seen", [np.full((4, 4, 3), n, np.uint8) for n in range(5)]
    first = Remembering(Detector(), log)
    before = [first.search(picture, 2.0)[0] for picture in pictures[:3]]
    with log.open("a") as file:
        file.write('[{"box": {"le')  # it was killed here
    detector = Detector()
    again = Remembering(detector, log)
    after = [again.search(picture, 2.0)[0] for picture in pictures]
    assert detector.looked == 2
    for one, other in zip(before, after[:3], strict=True):
        assert (one.box, one.score) == (other.box, other.score)
        assert (one.points == other.points).all()
    third = Remembering(detector, log)
    assert [third.search(picture, 2.0)[0].box for picture in pictures] == [f.box for f in after]
    assert detector.looked == 2
    log.write_text('[{"box": {}}]\n')
    Remembering(detector, log).search(pictures[0], 2.0)
    assert detector.looked == 3
