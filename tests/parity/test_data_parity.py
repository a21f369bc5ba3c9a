"""Data handling equals the DicFace release on its fixtures."""

import re

import numpy as np
import pytest

from tests.parity.cases.dicface_data import compare

pytestmark = pytest.mark.parity

INPUTS = re.compile(r".*(_params|_seeds|_landmarks|_raw)$|brush_seeds")


@pytest.mark.parametrize("file", ["golden_data_cv4.npz", "golden_data.npz"])
def test_every_array_is_within_tolerance(shared, file):
    with np.load(shared / "facts" / "dicface" / file) as arrays:
        golden = dict(arrays)
    cases = list(compare(golden, seed=0))
    beyond = [case for case in cases if not case[1] <= case[2]]
    assert not beyond
    compared = {name.split(" ")[0] for name, _, _ in cases}
    missed = [name for name in golden if name not in compared and not INPUTS.fullmatch(name)]
    assert not missed


def test_another_seed_would_be_noticed(shared):
    with np.load(shared / "facts" / "dicface" / "golden_data_cv4.npz") as arrays:
        golden = dict(arrays)
    beyond = {name for name, deviation, tolerance in compare(golden, 1) if deviation > tolerance}
    assert {"filter2D_kernel4", "noise_after_seed", "tensor2img_bgr", "color_input_u8"} <= beyond
    assert "brush_masks_packbits_512x512" not in beyond
