"""ArcFace: colours, and how the face is cut out."""

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from skimage.data import astronaut

from dicface.base.errors import MetricError
from dicface.metrics.backbones.identity import ARCFACE_POINTS, ArcFaceIdentity, five_points


def save_onnx(path, pool: int) -> None:
    """Stands for ArcFace: mean colours of pool×pool px cells of its input, as a vector."""
    nodes = [
        helper.make_node(
            "AveragePool", ["x"], ["y"], kernel_shape=[pool, pool], strides=[pool, pool]
        ),
        helper.make_node("Flatten", ["y"], ["z"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 112, 112])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, None])
    graph = helper.make_graph(nodes, "arcface", [x], [z])
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def face_points() -> np.ndarray:
    """68 points whose five are ArcFace's template, on a 512-px face."""
    points = np.zeros((68, 2))
    five = ARCFACE_POINTS * 3 + 90
    points[36:42], points[42:48], points[[30, 48, 54]] = five[0], five[1], five[2:]
    return points


def test_arcface_sees_rgb_in_unit_range(tmp_path) -> None:
    save_onnx(tmp_path / "r50.onnx", 112)
    face = np.zeros((512, 512, 3), np.uint8) + np.array([255, 0, 51], np.uint8)
    found = ArcFaceIdentity(tmp_path / "r50.onnx", "cpu").embed(face, face_points())
    assert found == pytest.approx([1, -1, -0.6], abs=1e-3)


def test_arcface_cuts_the_face_out_by_its_landmarks(tmp_path) -> None:
    save_onnx(tmp_path / "r50.onnx", 8)
    identity = ArcFaceIdentity(tmp_path / "r50.onnx", "cpu")
    face = cv2.GaussianBlur(astronaut(), (0, 0), 4)
    points = face_points()
    turn = cv2.getRotationMatrix2D((256, 256), 12, 0.9)
    turned = cv2.warpAffine(face, turn, (512, 512), flags=cv2.INTER_CUBIC)
    moved = points @ turn[:, :2].T + turn[:, 2]
    straight = identity.embed(face, points)
    assert identity.embed(turned, moved) == pytest.approx(straight, abs=0.02)
    assert np.abs(identity.embed(turned, points) - straight).max() > 0.2
    assert five_points(points) == pytest.approx(ARCFACE_POINTS * 3 + 90)
    with pytest.raises(MetricError, match="one point"):
        identity.embed(face, np.zeros((68, 2)))
