"""What a backbone says about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BackboneInfo:
    """Which network measured.

    Attributes:
        name: Short name for tables and files, for example "dlib-68".
        sha256: Of the weights file, or of the drawn state dict where weights are random.
        official: True when it is the kind of network the paper uses.
        reason: Why it was chosen, in words.
    """

    name: str
    sha256: str
    official: bool
    reason: str


PIXELS = BackboneInfo(name="pixels", sha256="", official=True, reason="computed on pixels alone")
"""Stands for no network: PSNR and SSIM."""
