"""Fixtures of the tests of RealBasicVSR and BasicVSR++."""

import pytest
import torch

from baselines._vsr import VideoEnlarger
from tests.baselines._vsr import noise, seeded


@pytest.fixture
def clip() -> list[torch.Tensor]:
    return list(noise(5, 3, 16, 24, name="clip"))


@pytest.fixture
def released(tmp_path):
    """Writes a checkpoint in the layout of the releases and returns a method that reads it."""

    def make(small: type[VideoEnlarger], **settings: object) -> VideoEnlarger:
        wanted, other = small.build(small()), small.build(small())
        state = {
            f"generator.{key}": value for key, value in seeded(other, "other").state_dict().items()
        }
        prefix = small.prefixes[0]
        for key, value in seeded(wanted).state_dict().items():
            state[prefix + key] = value
        state["step_counter"] = torch.zeros(1)
        path = tmp_path / "released.pth"
        torch.save({"meta": {"iter": 1}, "state_dict": state}, path)
        return small(weights=path, **settings)

    return make
