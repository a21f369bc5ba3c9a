"""CodeFormer's three releases."""

import pytest
import torch

import dicface.methods

# Parameters and keys as in their files.
CODEFORMER = {
    "bfr": (94_112_707, 1024, {"32", "64", "128", "256"}, 0.5, True),
    "inpainting": (92_652_867, 512, {"32", "64", "128"}, 1.0, False),
    "colorization": (93_046_083, 1024, {"32", "64", "128"}, 0.0, True),
}


@pytest.mark.parametrize("task", CODEFORMER)
def test_has_the_network_and_settings_of_the_task(task):
    num_params, codes, skips, fidelity_w, adain = CODEFORMER[task]
    method = dicface.methods.create("codeformer", task=task)
    assert (method.fidelity_w, method.adain) == (fidelity_w, adain)
    with torch.device("meta"):
        network = method.build()
    assert sum(parameter.numel() for parameter in network.parameters()) == num_params
    assert network.quantize.embedding.weight.shape == (codes, 256)
    assert set(network.fuse_convs_dict) == skips
    chosen = dicface.methods.create("codeformer", task=task, fidelity_w=0.25, adain=not adain)
    assert (chosen.fidelity_w, chosen.adain) == (0.25, not adain)


def test_paints_white_pixels_only():
    frame = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.9
    frame[:, 2:7, 3:9] = 1
    frame[0, 10, 10] = 1  # one channel of three is no white
    method = dicface.methods.method("codeformer").example(task="inpainting")
    (restored,) = method.restore(iter([frame]), clip="a")
    missing = (frame == 1).all(0)
    assert missing.sum() == 30
    assert torch.equal(restored[:, ~missing], frame[:, ~missing])
    assert (restored[:, missing] < 1).any()
    (whole,) = method.restore(iter([frame.where(~missing, torch.tensor(0.5))]), clip="a")
    assert (whole == frame.where(~missing, torch.tensor(0.5))).all()
