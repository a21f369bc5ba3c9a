"""Networks, losses and schedule equal every stored reference tensor, through the command line.

The data fixtures have their own file, `test_data_parity.py`.
"""

import json

import numpy as np
import pytest
import torch

from dicface.models import build
from tests.parity import compare as parity
from tests.parity.cases import _recipe

pytestmark = pytest.mark.parity


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("codeformer", "golden_vqgan.npz"),
        ("dicface", "golden_losses.npz"),
        pytest.param("codeformer", "golden.npz", marks=pytest.mark.slow),
        pytest.param("dicface", "golden.npz", marks=pytest.mark.slow),
    ],
)
def test_every_stored_tensor_is_met(golden, capsys, name, file):
    stored = golden(name, file)
    code = parity.main([name, "--golden", str(stored), "--seed", "0"])
    printed = capsys.readouterr().out
    assert code == 0, printed
    with np.load(stored) as arrays:
        assert all(key in printed for key in arrays.files)


def test_a_wrong_seed_or_tensor_fails(golden, tmp_path, capsys):
    """The harness can fail: other weights, a changed tensor, one that nothing is compared with."""
    stored = golden("codeformer", "golden_vqgan.npz")
    manifest = golden("codeformer", "manifest_vqgan.json")
    assert parity.main(["codeformer", "--golden", str(stored), "--seed", "1"]) == 1
    with np.load(stored) as arrays:
        changed = dict(arrays)
    changed["rec"][0, 0, 0, 0] += 0.01
    changed["other"] = np.zeros(3)
    np.savez(tmp_path / "changed.npz", **changed)
    deviations = parity.deviations("codeformer", tmp_path / "changed.npz", 0, manifest)
    found = {d.name: d.ok for d in deviations}
    assert not found.pop("rec")
    assert not found.pop("other (not compared)")
    assert all(found.values())


def test_another_seed_has_the_statistics_of_its_manifest(golden):
    """No special case for seed 0: the manifests state deviation and maximum at seed 1, too."""
    manifest = json.loads(golden("codeformer", "manifest_vqgan.json").read_text())
    net = _recipe.fill_as(build("vqgan"), 1, manifest)
    x = _recipe.image("codeformer_vqgan", "input", 1, (1, 3, 256, 256))
    with torch.inference_mode():
        image, _, stats = net(x)
    ours = {"rec": image, "z": stats["z"], "zq": stats["zq"]}
    for name, tensor in ours.items():
        facts = manifest["golden"][name]
        assert tensor.std(correction=0).item() == pytest.approx(facts["std_seed1"], rel=1e-4)
        assert tensor.abs().max().item() == pytest.approx(facts["absmax_seed1"], rel=1e-4)
    assert stats["perplexity"].item() == pytest.approx(
        manifest["golden"]["perplexity"]["absmax_seed1"], rel=1e-4
    )


def test_recipe_rules_and_exceptions():
    n = _recipe.normal("net", "a.weight", 3, (4, 6))
    assert np.allclose(_recipe.value("net", "a.weight", 3, (4, 6)), n / np.sqrt(6))
    n = _recipe.normal("net", "norm.weight", 3, (4,))
    assert np.allclose(_recipe.value("net", "norm.weight", 3, (4,)), 1 + 0.05 * n)
    rules = [{"match": "^norm", "scale": 2.0, "gain": 3.0, "offset": 1.0}, {"match": "norm"}]
    assert np.allclose(_recipe.value("net", "norm.weight", 3, (4,), rules), 6 * n + 1)
    rules = [{"match": "w$", "scale": "inv_sqrt_fan_in", "fan_in_dims": 2}]
    n = _recipe.normal("net", "w", 3, (1, 4, 5))
    assert np.allclose(_recipe.value("net", "w", 3, (1, 4, 5), rules), n / np.sqrt(5))
