"""Shots, tracks and persons of rendered films, against their exact truth."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dicface.faces.detect import DlibDetector
from dicface.faces.people import Found, PeopleFinder, PeopleSettings, Track
from tests import rendered_films
from tests.faces._faces import FixedDetector, picture


def find(frames: np.ndarray, **settings: float) -> Found:
    finder = PeopleFinder(DlibDetector(), settings=PeopleSettings(**settings))
    for frame in frames:
        finder.add(frame)
    return finder.finish()


def actor_of(track: Track, film: rendered_films.Film) -> rendered_films.Actor:
    """Whose face a track is on, by the truth in its middle frame."""
    middle = track.frames[len(track.frames) // 2]
    place = track.points[middle - track.first]

    def away(actor: rendered_films.Actor) -> float:
        return float(np.nan_to_num(np.abs(actor.points[middle] - place).mean(), nan=np.inf))

    return min(film.actors, key=away)


@pytest.fixture(scope="module", params=["crossing", "cuts", "hand_before_face", "leaving"])
def seen(request) -> tuple[rendered_films.Film, Found]:
    film = getattr(rendered_films, request.param)()
    return film, find(film.frames)


def test_shots_are_the_true_ones(seen):
    film, found = seen
    assert found.shots == film.shots


def test_every_person_has_one_number_and_no_number_has_two(seen):
    film, found = seen
    names = {track.person: set() for track in found.tracks}
    for track in found.tracks:
        names[track.person].add(actor_of(track, film).name)
    assert sorted(names) == list(range(1, len(film.actors) + 1))
    assert all(len(each) == 1 for each in names.values())
    assert set.union(*names.values()) == {actor.name for actor in film.actors}
    assert [track.number for track in found.tracks] == list(range(1, len(found.tracks) + 1))


def test_tracks_lie_on_the_faces(seen):
    """In px of a face cut out at 128 px."""
    film, found = seen
    for track in found.tracks:
        truth = actor_of(track, film).points[track.first : track.frames.stop]
        away = np.linalg.norm(truth - track.points, axis=2).mean(axis=1) * 128 / track.face_px
        assert np.nanmean(away) < 3
        assert np.nanmax(away) < 5


def test_faces_in_full_view_have_a_track(seen):
    film, found = seen
    for actor in film.actors:
        shown = np.isfinite(actor.landmarks).all(axis=(1, 2))
        inside = (actor.landmarks > 8).all(axis=(1, 2)) & (actor.landmarks[..., 0] < 312).all(
            axis=1
        )
        share = actor.seen.sum(axis=(1, 2)) / np.maximum(actor.cover.sum(axis=(1, 2)), 1)
        in_view = set(np.flatnonzero(shown & inside & (share > 0.85)).tolist())
        tracks = [track for track in found.tracks if actor_of(track, film) is actor]
        tracked = {frame for track in tracks for frame in track.frames}
        assert len(in_view - tracked) <= 0.15 * len(in_view)


def test_no_track_crosses_a_cut(seen):
    film, found = seen
    for track in found.tracks:
        shot = film.shots[track.shot]
        assert shot.start <= track.first
        assert track.frames.stop <= shot.stop
        assert track.enters == (track.first > shot.start)
        assert track.leaves == (track.frames.stop < shot.stop)


def _unrest(track: Track) -> float:
    """Mean change of speed of the square's corners, px of a face of 128 px, a frame squared."""
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * 128
    places = []
    for frame in track.frames:
        affine = track.affine(frame, 128)
        places.append((corners - affine[:, 2]) @ np.linalg.inv(affine[:, :2]).T)
    return float(np.abs(np.diff(places, n=2, axis=0)).mean() * 128 / track.face_px)


def test_alignment_is_steadier_than_the_truth(seen):
    """Heads move, and expressions change; the found alignment adds no jitter to that."""
    film, found = seen
    for track in found.tracks:
        truth = actor_of(track, film).points[track.first : track.frames.stop]
        if np.isfinite(truth).all():
            assert _unrest(track) < _unrest(replace(track, points=truth)) + 0.05


def test_tracks_survive_the_working_folder(seen):
    _, found = seen
    for track in found.tracks:
        again = Track.from_dict(json.loads(json.dumps(track.to_dict())))
        np.testing.assert_array_equal(again.points, track.points)
        np.testing.assert_array_equal(again.detected, track.detected)
        assert again.to_dict() == track.to_dict()
        for frame in (track.first, track.frames[-1]):
            np.testing.assert_array_equal(again.affine(frame), track.affine(frame))
        with pytest.raises(IndexError, match="no frame"):
            track.affine(track.first - 1)


def test_faces_of_another_size_are_left_out():
    film = rendered_films.cuts().frames[:14]
    assert find(film, min_face=200).tracks == []
    assert find(film, max_face=100).tracks == []
    assert len(find(film, min_face=100, max_face=200).tracks) == 1


def test_frames_without_faces_are_shots_without_tracks():
    room = np.full((6, 64, 96, 3), 90, np.uint8)
    assert find(room) == Found(shots=[range(6)], tracks=[])
    assert find(room[:0]) == Found(shots=[], tracks=[])


class Once(FixedDetector):
    """Sees a face in one picture only."""

    def search(self, frame: np.ndarray, scale: float = 1.0) -> list:
        self.calls += 1
        return self.detect(frame) if self.calls == 1 else []


def test_what_is_seen_once_is_no_face():
    finder = PeopleFinder(Once())
    for _ in range(20):
        finder.add(picture(128, 160))
    assert finder.finish().tracks == []
