"""dlib's identity network in torch gives dlib's embeddings."""

import dlib
import numpy as np
import pytest
from skimage.data import astronaut

from dicface.base.errors import WeightsError
from dicface.faces.dlib_models import (
    IDENTITY_DIM,
    IDENTITY_FILE,
    LANDMARKS_5_FILE,
    Box,
    identity_embedding,
    landmarks_68,
    model_path,
)
from dicface.faces.dlib_resnet import DlibResNet


@pytest.fixture(scope="module")
def theirs() -> dlib.face_recognition_model_v1:
    return dlib.face_recognition_model_v1(str(model_path(IDENTITY_FILE)))


@pytest.fixture(scope="module")
def ours() -> DlibResNet:
    return DlibResNet(model_path(IDENTITY_FILE)).eval()


def test_embeddings_of_chips_are_dlibs(theirs, ours) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3)).astype(np.uint8)
    for chip in (np.ascontiguousarray(astronaut()[30:180, 150:300]), noise, np.zeros_like(noise)):
        expected = np.array(theirs.compute_face_descriptor(chip))
        assert ours.embed(chip) == pytest.approx(expected, abs=1e-5)


def test_a_face_is_cut_out_as_dlib_does(theirs) -> None:
    photo = astronaut()
    points = landmarks_68(photo, Box(178, 70, 282, 174))
    face = dlib.full_object_detection(
        dlib.rectangle(*(int(edge) for edge in (*points.min(axis=0), *points.max(axis=0)))),
        [dlib.point(int(x), int(y)) for x, y in points],
    )
    expected = np.array(theirs.compute_face_descriptor(photo, face))
    found = identity_embedding(photo, points)
    assert found.shape == (IDENTITY_DIM,)
    assert found == pytest.approx(expected, abs=1e-5)


def test_another_file_of_dlibs_is_refused() -> None:
    with pytest.raises(WeightsError, match="found 0 convolutions"):
        DlibResNet(model_path(LANDMARKS_5_FILE))
