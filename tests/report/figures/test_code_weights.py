"""Code weights of a network over clips: closed forms, streaming, and figure 8."""

import numpy as np
import pytest
import torch

from dicface.base.errors import ClipError, MetricError, WeightsError
from dicface.base.files import sha256_of
from dicface.base.seeds import numpy_rng
from dicface.models import build
from dicface.models.checkpoint import save_weights
from dicface.report.figures import draw_priors, draw_spread
from dicface.restoring.code_weights import measure_code_weights, read_code_weights, sorted_sums
from dicface.video.clips import write_clip
from tests.models._small import DICFACE as SETTINGS

CODES, SIDE = SETTINGS["codebook_size"], SETTINGS["resolution"]


def save_network(path, *, kl_scale=1e-4, **settings):
    torch.manual_seed(3)
    network = build("dicface", **SETTINGS | settings)
    with torch.no_grad():
        network.idx_pred_layer[1].weight.normal_(std=3)
    facts = {
        "network": "dicface",
        "settings": SETTINGS | settings,
        "train": {"prior_alpha": 10.0, "kl_scale": kl_scale},
    }
    save_weights(path, network.state_dict(), facts)
    return network.eval()


@pytest.fixture
def inputs(tmp_path):
    for clip, count in (("long", 7), ("short", 2)):
        rng = numpy_rng("test code weights", clip)
        frames = rng.integers(0, 255, size=(count, SIDE, SIDE, 3), dtype=np.uint8)
        write_clip(tmp_path / "input" / f"{clip}.mkv", frames, 25)
    return tmp_path / "input"


def test_weights_are_sorted_sum_to_one_and_say_where_they_come_from(tmp_path, inputs):
    network = save_network(tmp_path / "w.safetensors")
    made = measure_code_weights(tmp_path / "w.safetensors", inputs, tmp_path / "c.npz")
    for weights in (made.mean, made.drawn):
        assert weights.shape == (CODES,)
        assert weights.sum() == pytest.approx(1)
        assert (np.diff(weights) <= 0).all()
    assert made.mean[0] > 2 / CODES
    assert made.facts == {
        "network": "dicface",
        "sha256": sha256_of(tmp_path / "w.safetensors"),
        "prior": 10.0,
        "aggregation": "dirichlet",
        "position": "centre",
        "clips": 2,
        "positions": 9 * network.settings.latent_size**2,
    }
    stored = read_code_weights(tmp_path / "c.npz")
    assert stored.facts == made.facts
    assert (stored.mean == made.mean).all()
    measure_code_weights(tmp_path / "w.safetensors", inputs, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "c.npz").read_bytes()


def test_streamed_weights_are_those_of_the_plain_network(tmp_path, inputs):
    from dicface.restoring.runner import to_tensor
    from dicface.video.clips import read_frames

    network = save_network(tmp_path / "w.safetensors")
    made = measure_code_weights(
        tmp_path / "w.safetensors", inputs, tmp_path / "c.npz", clips=["long"]
    )
    x = torch.stack([*map(to_tensor, read_frames(inputs / "long.mkv"))]) * 2 - 1
    windows = torch.cat([x[np.clip(np.arange(n - 2, n + 3), 0, 6)] for n in range(7)])
    with torch.inference_mode():
        alpha = network.predict(network.encode(windows)[0], "centre").double().flatten(0, 1)
    expected = (alpha / alpha.sum(-1, keepdim=True)).sort(-1, descending=True).values
    assert made.mean == pytest.approx(expected.mean(0).numpy(), rel=1e-4)
    assert made.variance == pytest.approx(
        expected.var(0, unbiased=False).numpy(), rel=1e-3, abs=1e-9
    )


def test_variance_is_the_dirichlets_own(tmp_path):
    network = save_network(tmp_path / "w.safetensors")
    alpha = torch.tensor([[0.5, 4.0, 1.5] + [0.1] * (CODES - 3)])
    mean, square, variance, _ = sorted_sums(network, alpha, "clip", 0)
    draws = torch.distributions.Dirichlet(alpha[0].sort(descending=True).values).sample((40000,))
    assert mean.numpy() == pytest.approx(draws.mean(0).numpy(), abs=3e-3)
    assert variance.numpy() == pytest.approx(draws.var(0).numpy(), rel=0.15)
    assert (square == mean**2).all()


def test_weights_without_a_distribution_have_no_variance_of_their_own(tmp_path, inputs):
    save_network(tmp_path / "w.safetensors", aggregation="top4", kl_scale=0.0)
    made = measure_code_weights(tmp_path / "w.safetensors", inputs, tmp_path / "c.npz")
    assert made.facts["prior"] is None
    assert np.isnan(made.dirichlet_variance).all()
    assert (made.mean[4:] == 0).all()
    assert made.mean == pytest.approx(made.drawn)
    assert "Dir" not in draw_spread(tmp_path / "c.npz", tmp_path / "figure8b").caption


def test_figure_8_is_drawn_and_unlike_codebooks_are_refused(tmp_path, inputs):
    files = {}
    for label, size in (("α = 1", CODES), ("α = 10", 2 * CODES)):
        save_network(tmp_path / f"{size}.safetensors", codebook_size=size)
        files[label] = tmp_path / f"{size}.npz"
        measure_code_weights(
            tmp_path / f"{size}.safetensors", inputs, files[label], clips=["short"]
        )
    one = {"α = 1": files["α = 1"]}
    assert "1/16: all codes alike" in draw_priors(one, tmp_path / "figure8a").caption
    assert "closed form" in draw_spread(files["α = 1"], tmp_path / "figure8b").caption
    with pytest.raises(MetricError, match=r"16\.npz: 16 codes, .*32\.npz: 32 codes"):
        draw_priors(files, tmp_path / "figure8a")
    with pytest.raises(MetricError, match="0 networks"):
        draw_priors({}, tmp_path / "figure8a")


def test_bad_input_is_named(tmp_path, inputs):
    save_network(tmp_path / "w.safetensors")
    with pytest.raises(ClipError, match="holds no clip named z; found long, short"):
        measure_code_weights(tmp_path / "w.safetensors", inputs, tmp_path / "c.npz", clips=["z"])
    save_weights(tmp_path / "v.safetensors", {"x": torch.zeros(1)}, {"network": "vqgan"})
    with pytest.raises(WeightsError, match="holds the network 'vqgan'"):
        measure_code_weights(tmp_path / "v.safetensors", inputs, tmp_path / "c.npz")
    (tmp_path / "c.npz").write_bytes(b"cut off")
    with pytest.raises(MetricError, match=r"c\.npz: cannot be read .* code weights"):
        read_code_weights(tmp_path / "c.npz")
