"""Face detectors and the choice of one."""

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from dicface.base.errors import ConfigError, WeightsError
from dicface.faces.detect import (
    DlibDetector,
    RetinaFaceDetector,
    default_detector,
)
from dicface.video import clips


@pytest.mark.parametrize("side", [64, 180, 1100])
def test_dlib_detector_answers_in_source_pixels(side):
    scale = side / 256
    crop = astronaut()[:256, 96:352]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    faces = DlibDetector().detect(cv2.resize(crop, (side, side), interpolation=interpolation))
    assert len(faces) == 1
    reference = DlibDetector().detect(crop)[0]
    assert np.abs(faces[0].points / scale - reference.points).max() < 4
    assert abs(faces[0].box.width / scale - reference.box.width) < 25


def test_no_face_in_noise():
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    assert DlibDetector().detect(noise) == []


def test_choice_of_the_detector(monkeypatch, tmp_path):
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert default_detector("auto").name == "dlib-hog-68"
    with pytest.raises(WeightsError, match="detection_Resnet50_Final.pth"):
        default_detector("retinaface")
    with pytest.raises(ConfigError, match="mtcnn"):
        default_detector("mtcnn")
    (tmp_path / "detection_Resnet50_Final.pth").write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="sha256"):
        default_detector("auto")
    with pytest.raises(WeightsError, match="not a state dict"):
        RetinaFaceDetector(tmp_path / "detection_Resnet50_Final.pth", "mobile0.25", device="cpu")


@pytest.mark.real_data
def test_retinaface_and_dlib_agree_on_a_real_frame(shared):
    file = shared / "assets" / "weights" / "retinaface_mobilenet0.25_Final.pth"
    frame = next(clips.read_frames(shared / "assets" / "clips" / "videoretalking_face3.mp4"))
    small = cv2.resize(frame, (320, 320), interpolation=cv2.INTER_AREA)
    theirs = RetinaFaceDetector(file, "mobile0.25", device="cpu").detect(small)
    ours = DlibDetector().detect(small)
    assert len(theirs) == len(ours) == 1
    eye_distance = np.linalg.norm(ours[0].points[0] - ours[0].points[1])
    assert np.abs(theirs[0].points - ours[0].points).max() < 0.25 * eye_distance
    with pytest.raises(WeightsError, match="state dict"):
        RetinaFaceDetector(file, "resnet50", device="cpu")
