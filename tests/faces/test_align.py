"""Alignment by five points."""

import numpy as np
import pytest
from skimage.data import astronaut

from dicface.base.errors import FaceError
from dicface.faces import align


def test_least_median_of_squares_drops_outliers():
    target = align.template()
    moved = target.copy()
    moved[2] += (80, -20)
    np.testing.assert_allclose(align.estimate_affine(moved), np.eye(2, 3), atol=1e-6)
    offsets = np.array([[2, 1], [-1, 2], [40, 3], [1, -2], [0, 1]])
    expected = [[0.78366, 0.00422, -6.53846], [-0.00422, 0.78366, -4.27808]]
    np.testing.assert_allclose(align.estimate_affine(1.3 * target + offsets), expected, atol=1e-5)
    offsets = np.array([[2, 1], [-60, 2], [4, 3], [1, -2], [-50, 1]])
    expected = [[1.23786, 0.21939, -78.34712], [-0.21939, 1.23786, 7.32293]]
    np.testing.assert_allclose(align.estimate_affine(0.9 * target + offsets), expected, atol=1e-5)


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), np.nan), np.zeros((4, 2))])
def test_degenerate_landmarks(points):
    with pytest.raises(FaceError, match="five distinct"):
        align.estimate_affine(points)


@pytest.mark.parametrize("antialias", [False, True])
def test_a_warped_point_lands_where_the_affine_says(antialias):
    y, x = np.mgrid[:400, :400]
    blob = np.exp(-((x - 210.3) ** 2 + (y - 180.8) ** 2) / (2 * 12.0**2))
    frame = np.repeat((255 * blob).astype(np.uint8)[..., None], 3, axis=2)
    affine = align.estimate_affine(align.template(300) + 40, 64)
    aligned = align.warp(frame, affine, 64, antialias=antialias)[..., 0].astype(float)
    aligned[aligned < 8] = 0
    rows, columns = np.mgrid[:64, :64]
    centre = np.array([(aligned * columns).sum(), (aligned * rows).sum()]) / aligned.sum()
    expected = affine[:, :2] @ (210.3, 180.8) + affine[:, 2]
    border = np.array(align.BORDERS_RGB["trainer"])
    assert border.tolist() == [135, 133, 132]
    np.testing.assert_allclose(centre, expected, atol=0.1)


def test_antialiasing_averages_and_full_size_does_not():
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    affine = align.estimate_affine(align.template(), 64)
    sharp, smooth = (align.warp(noise, affine, 64, antialias=a) for a in (False, True))
    assert smooth.std() < sharp.std() / 4
    identity = align.warp(noise, np.eye(2, 3), 512, antialias=True)
    np.testing.assert_array_equal(identity, noise)


def test_border_colours_differ_between_trainer_and_helper():
    outside = np.array([[1, 0, 600], [0, 1, 0]], dtype=float)
    frame = np.zeros((32, 32, 3), np.uint8)
    assert align.warp(frame, outside, 64)[0, 0].tolist() == [135, 133, 132]
    assert align.warp(frame, outside, 64, border="helper")[0, 0].tolist() == [132, 133, 135]


def test_luma_and_small_pictures():
    photo = astronaut()
    luma = align.grey_of(np.array([[[1.0, 0.0, 0.0]]]))
    np.testing.assert_allclose(luma, 0.2989)
    assert align.enlarge_small(photo[:100, :150]).shape == (512, 768, 3)
    assert align.enlarge_small(photo) is photo
