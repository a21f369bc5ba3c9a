"""PGDiff's prior: the released U-Net at 512 pixels, one step."""

from collections.abc import Mapping

from tests.parity.cases._pgdiff import Named, unet_tensors


def tensors(seed: int, golden: Mapping, manifest: Mapping) -> Named:
    yield from unet_tensors(seed, manifest)
