"""The VQ autoencoder built for 512 px, on an image of 256 px."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from dicface.models import build
from tests.parity.cases._recipe import EXACT, Tolerance, fill_as, image, stored_form


@torch.inference_mode()
def tensors(
    seed: int, golden: Mapping, manifest: Mapping
) -> Iterator[tuple[str, np.ndarray, Tolerance]]:
    net = fill_as(build("vqgan"), seed, manifest)
    x = image("codeformer_vqgan", "input", seed, (1, 3, 256, 256))
    rec, loss, stats = net(x)
    ours = {"rec": rec, "codebook_loss": loss, **stats, "indices": stats["indices"].flatten()}
    for name, tensor in ours.items():
        tolerance = EXACT if name == "indices" else Tolerance()
        yield from stored_form(name, tensor, manifest["golden"], tolerance)
