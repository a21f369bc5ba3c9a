"""Checksums of FFV1: its decoder covers damage up with the frame before, and says nothing."""

from __future__ import annotations

import zlib

_FOOTER = 8  # bytes: 3 of the slice's size, 1 of its state, 4 of its checksum
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def is_intact(packet: bytes) -> bool:
    """Whether the checksums of all slices of a coded frame fit.

    False, too, where it has none: those of other frames tell which it is.
    """
    end = len(packet)
    while end > _FOOTER:
        size = int.from_bytes(packet[end - _FOOTER : end - _FOOTER + 3], "big") + _FOOTER
        # FFV1's CRC-32 runs from the high bit, zlib's from the low one; neither start nor end of it
        # is inverted, and over a slice with its own checksum it is 0.
        turned = packet[max(0, end - size) : end].translate(_REVERSED)
        if size > end or zlib.crc32(turned, 0xFFFFFFFF) != 0xFFFFFFFF:
            return False
        end -= size
    return end == 0
