"""The face parser is facexlib's: the same weights, the same numbers."""

import pytest
import torch

from baselines.networks.bisenet import BiSeNet


def test_the_parser_is_facexlibs() -> None:
    facexlib = pytest.importorskip("facexlib.parsing.bisenet")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = facexlib.BiSeNet(19)
        torch.manual_seed(0)
        ours = BiSeNet(19)
    expected, found = theirs.state_dict(), ours.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    theirs.eval(), ours.eval()
    x = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        fine, shallow, deep = theirs.cp(x)
        heads = (theirs.conv_out(theirs.ffm(fine, shallow)), theirs.conv_out16(shallow))
        heads += (theirs.conv_out32(deep),)
        assert all(torch.equal(mine, their[0]) for mine, their in zip(ours(x), heads, strict=True))
