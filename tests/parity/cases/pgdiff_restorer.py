"""PGDiff's restorer: 64 and 512 pixels, embeddings of the step."""

from collections.abc import Mapping

import torch

from baselines.networks.pgdiff_unet import timestep_embedding
from tests.parity.cases._pgdiff import Named, given, network, stored
from tests.parity.cases._recipe import FIRST, image

NAME = "pgdiff_restorer"


@torch.inference_mode()
def tensors(seed: int, golden: Mapping, manifest: Mapping) -> Named:
    net = network(seed, manifest)
    for size, step in ((64, 200), (512, 700)):
        t = torch.tensor([step])
        embedded = net.time_embed(timestep_embedding(t, 100))
        yield from stored(f"t_emb_{step}", embedded, manifest["golden"], FIRST)
        y = image(NAME, f"y_{size}", seed, (1, 3, size, size))
        restored = net(given(NAME, f"x_t_{size}", seed, size), y, t)
        yield from stored(f"out_{size}_t{step}", restored, manifest["golden"])
