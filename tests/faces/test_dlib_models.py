"""dlib's models: damaged and missing files, landmarks, identities."""

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from dicface.base.errors import FaceError, WeightsError
from dicface.faces import dlib_models
from dicface.faces.detect import (
    five_points,
)
from dicface.faces.dlib_models import Box


def test_a_damaged_model_file_is_named(monkeypatch):
    name = dlib_models.LANDMARKS_5_FILE
    monkeypatch.setitem(dlib_models.SHA256, name, "0" * 64)
    dlib_models.model_path.cache_clear()
    with pytest.raises(WeightsError, match=f"{name}.*expected 0000"):
        dlib_models.model_path(name)
    dlib_models.model_path.cache_clear()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    dlib_models.model_path.cache_clear()
    with pytest.raises(WeightsError, match="pip install face_recognition_models"):
        dlib_models.model_path(dlib_models.LANDMARKS_5_FILE)
    dlib_models.model_path.cache_clear()


def test_landmarks_and_identity_of_a_photograph():
    photo = astronaut()
    box = Box(179, 83, 266, 170)
    landmarks = dlib_models.landmarks_68(photo, box)
    left_eye, right_eye, nose, left_mouth, right_mouth = five_points(landmarks)
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    embedding = dlib_models.identity_embedding(photo, landmarks)
    assert embedding.shape == (dlib_models.IDENTITY_DIM,)
    blurred = dlib_models.identity_embedding(cv2.GaussianBlur(photo, (0, 0), 1), landmarks)
    beside = dlib_models.identity_embedding(photo, landmarks + 20)
    near, far = (np.linalg.norm(embedding - other) for other in (blurred, beside))
    assert 0 < near < 0.4 < far


def test_dlib_refuses_what_is_no_picture_or_no_landmarks():
    with pytest.raises(FaceError, match="float64"):
        dlib_models.landmarks_68(np.zeros((8, 8, 3)), Box(0, 0, 8, 8))
    with pytest.raises(FaceError, match="68"):
        dlib_models.identity_embedding(np.zeros((8, 8, 3), np.uint8), np.zeros((5, 2)))
