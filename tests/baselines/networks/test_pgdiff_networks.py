"""PGDiff's prior, its restorer and ArcFace."""

import math

import pytest
import torch

from baselines.networks.pgdiff_restorer import PgdiffRestorer
from baselines.networks.pgdiff_unet import PgdiffUnet, timestep_embedding
from tests.baselines._pgdiff import SIZE, images, ready, seeded
from tests.parity.arcface import ArcFace


@pytest.mark.parametrize(
    ("build", "num_keys", "num_params"),
    [(PgdiffUnet, 630, 159_788_454), (PgdiffRestorer, 706, 16_779_518), (ArcFace, 475, 43_590_848)],
)
def test_networks_have_the_released_size(build: type, num_keys: int, num_params: int):
    with torch.device("meta"):
        network = build()
    assert len(network.state_dict()) == num_keys
    assert sum(p.numel() for p in network.parameters()) == num_params


def test_time_is_told_by_cosines_then_sines():
    embedded = timestep_embedding(torch.tensor([0, 7]), 4)
    expected = [[1, 1, 0, 0], [math.cos(7), math.cos(0.07), math.sin(7), math.sin(0.07)]]
    torch.testing.assert_close(embedded, torch.tensor(expected))


@torch.inference_mode()
def test_unet_tells_times_apart_and_images_do_not_mix():
    (unet,) = ready("inpainting").networks
    x = torch.cat(images(1, 2))
    both = unet(x, torch.tensor([3, 700]))
    assert both.shape == (2, 6, SIZE, SIZE)
    torch.testing.assert_close(both[1:], unet(x[1:], torch.tensor([700])), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(both[1:], unet(x[1:], torch.tensor([3])), atol=1e-3)


def test_unet_attends_where_it_is_told():
    def attending(**settings: object) -> list[str]:
        with torch.device("meta"):
            keys = PgdiffUnet(**settings).state_dict()
        return sorted({key.split(".qkv")[0] for key in keys if ".qkv.weight" in key})

    sides = {"image_size": 64, "channel_mult": (1, 2), "num_res_blocks": (1, 1)}
    assert attending(**sides, attention_sizes=()) == ["middle_block.1"]
    lower = ["input_blocks.3.1", "middle_block.1", "output_blocks.0.1", "output_blocks.1.1"]
    assert attending(**sides, attention_sizes=(32,)) == lower


@torch.inference_mode()
def test_restorer_sees_noise_picture_and_time():
    _, restorer = ready().networks
    x, y = images(1, 2)
    first = restorer(x, y, torch.tensor([5]))
    assert first.shape == x.shape
    for changed in ((y, y, 5), (x, x, 5), (x, y, 900)):
        *pictures, step = changed
        assert not torch.allclose(first, restorer(*pictures, torch.tensor([step])), atol=1e-4)


@torch.inference_mode()
def test_small_arcface_gives_one_vector_a_face():
    network = ArcFace(num_blocks=(1, 1, 1, 2), widths=(4, 4, 8, 8), size=32, dim=5)
    assert seeded(network)(torch.zeros(2, 3, 32, 32)).shape == (2, 5)
