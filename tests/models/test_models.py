"""The networks: keys, sizes, pieces against the whole, switches and what bad settings say."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from dicface.base.errors import ConfigError
from dicface.models import build
from dicface.models.blocks import TransformerLayer, Upsample, adain

DEMO = {
    "resolution": 64,
    "nf": 8,
    "ch_mult": [1, 2, 4],
    "num_res_blocks": 1,
    "norm_groups": 4,
    "codebook_size": 32,
    "emb_dim": 16,
}
PREDICTOR = {
    "dim_embd": 32,
    "n_head": 4,
    "n_layers": 2,
    "dim_mlp": 48,
    "connect_list": ["32", "16"],
}


def demo(name: str = "dicface", **settings) -> nn.Module:
    """A small network whose tables and fusions are not zero."""
    torch.manual_seed(0)
    sizes = DEMO if name == "vqgan" else DEMO | PREDICTOR
    network = build(name, **(sizes | settings))
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    return network.eval()


def frames(n: int, size: int = 64, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(
    ("name", "keys", "parameters"),
    [
        ("vqgan", 329, 63_740_099),
        ("codeformer", 515, 94_112_707),
        ("dicface", 632, 116_187_075),
        ("discriminator", 28, 6_960_961),
    ],
)
def test_released_sizes(name, keys, parameters):
    with torch.device("meta"):
        network = build(name)
    assert len(network.state_dict()) == keys
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parity
@pytest.mark.parametrize(
    ("name", "manifest"),
    [
        ("vqgan", "codeformer/manifest_vqgan.json"),
        ("codeformer", "codeformer/manifest.json"),
        ("dicface", "dicface/manifest.json"),
    ],
)
def test_keys_and_shapes_are_those_of_the_checkpoints(shared, name, manifest):
    facts = json.loads((shared / "facts" / manifest).read_text())
    with torch.device("meta"):
        network = build(name)
        stored = {key: tuple(value["shape"]) for key, value in facts["state_dict"].items()}
        assert {key: tuple(t.shape) for key, t in network.state_dict().items()} == stored
        for variant in facts.get("variants", {}).values():
            given = variant["constructor"]
            chosen = {key: given[key] for key in ("codebook_size", "connect_list")}
            other = build(name, **chosen).state_dict()
            assert stored.keys() - other.keys() == set(variant["keys_removed_vs_bfr"])
            for key, shape in variant["shapes_changed"].items():
                assert list(other[key].shape) == shape
    if name == "dicface":
        frozen = [key for key, p in network.named_parameters() if not p.requires_grad]
        assert frozen == facts["frozen_params_with_fix_modules_empty"]


@pytest.mark.parametrize("extra", [{}, {"resolution": 128, "patch_size": 2}])
def test_demo_networks_are_the_same_classes(extra):
    network = demo(**extra)
    size = network.settings.resolution
    with torch.no_grad():
        image, lq_feat, alpha = network(frames(10, size))
    assert image.shape == (10, 3, size, size)
    assert lq_feat.shape == (10, 16, 16, 16)
    assert alpha.shape == (10, 256, 32)
    assert alpha.min() > network.settings.alpha_floor
    assert list(network.fuse_convs_dict) == ["32", "16"]
    assert network.multiscale.sizes == [64, 32, 16]


def test_dicface_expects_what_codeformer_predicts_where_alpha_is_its_softmax():
    torch.manual_seed(0)
    codeformer = build("codeformer", **DEMO, **PREDICTOR).eval()
    for kappa in (1.0, 64.0):
        sizes = {"temporal_start": "zero", "alpha_sum": kappa, "alpha_floor": 1e-6}
        dicface = build("dicface", **DEMO, **PREDICTOR, multiscale=False, **sizes).eval()
        dicface.load_state_dict(codeformer.state_dict(), strict=False)
        with torch.no_grad():
            x = frames(5, dicface.settings.resolution)
            alpha = dicface(x)[2]
            expected = codeformer(x, code_only=True)[0].softmax(-1)
        assert alpha.sum(-1).allclose(torch.tensor(kappa), rtol=1e-3)
        assert dicface.weights(alpha, samples="mean").allclose(expected, atol=1e-4)


def test_patches_change_the_first_and_last_convolution_alone():
    one, two = (
        build("vqgan", **DEMO, **extra).state_dict()
        for extra in ({}, {"patch_size": 2, "attn_resolutions": [8]})
    )
    changed = {key for key in one if one[key].shape != two.get(key, one[key]).shape}
    last = max(int(key.split(".")[2]) for key in one if key.startswith("generator.blocks"))
    first = {"encoder.blocks.0.weight"}
    assert changed == first | {f"generator.blocks.{last}.{part}" for part in ("weight", "bias")}


def test_fewer_levels_fuse_the_scales_that_exist():
    network = demo(resolution=32, ch_mult=[1, 2], connect_list=["32"], attn_resolutions=[])
    assert network.multiscale.sizes == [32, 16]
    with torch.no_grad():
        assert network(frames(5, 32))[1].shape == (5, 16, 16, 16)


def test_encoder_skips_are_fused_where_the_facts_say():
    with torch.device("meta"):
        network = build("dicface")
    assert network.encoder.taps == {512: 2, 256: 5, 128: 8, 64: 11, 32: 14, 16: 18}
    assert {size: network.generator.taps[size] for size in (32, 64, 128, 256)} == {
        32: 9,
        64: 12,
        128: 15,
        256: 18,
    }


@pytest.mark.parametrize("temporal", [True, False])
def test_whole_equals_pieces_and_centre_equals_centre_of_all(temporal):
    network = demo(temporal=temporal)
    x = frames(10)
    with torch.no_grad():
        image, lq_feat, alpha = network(x, samples="mean")
        centre, _, centre_alpha = network(x, output="centre")
        pieces = [network.encode(frame[None]) for frame in x]
        tokens = torch.cat([network.embed(feature) for feature, _ in pieces])
        for i in range(network.settings.n_layers):
            tokens = network.spatial(i, tokens)
            tokens = network.temporal(i, tokens) if temporal else tokens
        by_hand = network.alpha(network.head(tokens))
        decoded = network.decode(network.quantise(by_hand[3:4]), pieces[3][1], 1.0)
    assert torch.allclose(torch.cat([feature for feature, _ in pieces]), lq_feat, atol=1e-5)
    assert torch.allclose(by_hand + 1e-6, alpha, atol=1e-5)
    assert torch.allclose(decoded, image[3:4], atol=1e-4)
    assert torch.allclose(centre_alpha, alpha[[2, 7]], atol=1e-5)
    assert torch.allclose(centre, image[[2, 7]], atol=1e-4)


def test_windows_do_not_see_each_other_but_their_frames_do():
    network = demo()
    x = frames(10)
    y = x.clone()
    y[9] = -y[9]
    with torch.no_grad():
        before, after = network(x)[2], network(y)[2]
    assert torch.equal(before[:5], after[:5])
    assert (before[5] - after[5]).abs().max() > 1e-4


def test_switched_off_temporal_layers_leave_frames_alone():
    network = demo(temporal=False)
    assert not any("dir_dist" in key or "temporal" in key for key in network.state_dict())
    x = frames(5)
    y = x.clone()
    y[4] = -y[4]
    with torch.no_grad():
        assert torch.allclose(network(x)[2][:4], network(y)[2][:4], atol=1e-6)


def test_switched_off_fusion_gives_the_encoder_output():
    network = demo(multiscale=False)
    x = frames(2)
    with torch.no_grad():
        assert torch.equal(network.encode(x)[0], network.encoder(x)[0])
    assert not any(key.startswith("multiscale") for key in network.state_dict())


def test_skips_are_off_at_weight_zero_and_never_train_the_encoder():
    network = demo()
    x = frames(5)
    lq_feat, skips = network.encode(x)
    quant = network.quantise(network.predict(lq_feat)).detach()
    without = network.decode(quant, skips, 0)
    assert torch.equal(without, network.decode(quant, {}, 0))
    image = network.decode(quant, skips, 1.0)
    assert not torch.allclose(image, without)
    image.sum().backward()
    assert network.encoder.blocks[0].weight.grad is None
    assert network.fuse_convs_dict["32"].scale[0].weight.grad.abs().sum() > 0


def test_temporal_layers_that_start_from_zero_predict_what_codeformer_predicts():
    torch.manual_seed(0)
    temporal = build("dicface", **DEMO, **PREDICTOR, multiscale=False, temporal_start="zero").eval()
    alone = build("dicface", **DEMO, **PREDICTOR, multiscale=False, temporal=False).eval()
    alone.load_state_dict(temporal.state_dict(), strict=False)
    lq_feat, _ = alone.encode(frames(5))
    with torch.no_grad():
        assert torch.equal(temporal.logits(lq_feat), alone.logits(lq_feat))


def test_temporal_layers_can_begin_as_gaussian():
    network = build("dicface", **DEMO | PREDICTOR, temporal_start="gaussian")
    layer = network.dir_dist_layers[0]
    assert layer.linear1.weight.std().item() == pytest.approx(0.02, rel=0.15)
    assert layer.self_attn.in_proj_weight.std().item() == pytest.approx(0.02, rel=0.15)
    assert not any(part.bias.any() for part in (layer.linear1, layer.linear2))
    assert layer.norm1.weight.eq(1).all()


def test_positions_can_be_sinusoids_that_nothing_learns():
    network = build("dicface", **DEMO | PREDICTOR, positions="sinusoidal")
    for table in (network.position_emb, network.position_emb_temporal):
        assert not table.requires_grad
        assert table[0].tolist() == [0.0, 1.0] * (PREDICTOR["dim_embd"] // 2)
    assert network.position_emb[3, 0].item() == pytest.approx(np.sin(3), abs=1e-6)
    before = network.position_emb.clone()
    with torch.no_grad():
        network.position_emb.zero_()
    network.place_sinusoids()
    assert network.position_emb.equal(before)


def test_draws_are_images_of_one_prediction():
    network = demo()
    x = frames(5)
    torch.manual_seed(1)
    images, alpha = network.draws(x, 3, output="centre")
    assert alpha.equal(network(x, output="centre")[2])
    assert len({image.sum().item() for image in images}) == 3
    torch.manual_seed(1)
    first = network(x, output="centre", samples=1)[0]
    assert torch.allclose(images[0], first, atol=1e-5)


def test_temporal_layer_for_the_centre_equals_the_layer_for_all():
    network = demo()
    tokens = torch.randn(10, 256, 32)
    with torch.no_grad():
        everything = network.temporal(1, tokens)
        centre = network.temporal(1, tokens, "centre")
    assert torch.allclose(centre, everything[[2, 7]], atol=1e-6)


def test_layer_equals_multihead_attention_of_torch():
    torch.manual_seed(0)
    layer = TransformerLayer(32, 4, 64, 0.0).eval()
    reference = nn.MultiheadAttention(32, 4, batch_first=True).eval()
    reference.load_state_dict(layer.self_attn.state_dict())
    x, position = torch.randn(3, 7, 32), torch.randn(7, 32)
    with torch.no_grad():
        y = layer.norm1(x)
        z = x + reference(y + position, y + position, y)[0]
        z = z + layer.linear2(nn.functional.gelu(layer.linear1(layer.norm2(z))))
        assert torch.allclose(layer(x, position), z, atol=1e-5)


def test_upsample_is_nearest_then_convolution():
    layer = Upsample(4)
    x = torch.randn(2, 4, 3, 5)
    large = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(layer(x), layer.conv(large))


def test_adain_moves_the_statistics():
    content, style = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8) * 4 + 1
    out = adain(content, style)
    assert torch.allclose(out.mean((2, 3)), style.mean((2, 3)), atol=1e-5)
    assert torch.allclose(out.std((2, 3)), style.std((2, 3)), rtol=1e-3)


class TestAggregation:
    def test_dirichlet_mean_is_the_normalised_mixture(self):
        network = demo()
        alpha = torch.rand(2, 256, 32) + 0.1
        w = alpha / alpha.sum(-1, keepdim=True)
        expected = (w @ network.quantize.embedding.weight).transpose(1, 2).view(2, 16, 16, 16)
        assert torch.allclose(network.quantise(alpha), expected, atol=1e-6)

    def test_draws_repeat_with_the_generator_and_average_to_the_mean(self):
        network = demo()
        alpha = torch.rand(1, 256, 32) * 3 + 0.1

        def quantise(samples, seed):
            generator = torch.Generator().manual_seed(seed)
            return network.quantise(alpha, samples=samples, generator=generator)

        assert torch.equal(quantise(1, 3), quantise(1, 3))
        assert not torch.equal(quantise(1, 3), quantise(1, 4))
        mean = network.quantise(alpha, samples="mean")
        errors = [(quantise(n, 5) - mean).square().mean().item() for n in (1, 4, 64)]
        assert errors[0] / errors[1] == pytest.approx(4, rel=0.3)
        assert errors[0] / errors[2] == pytest.approx(64, rel=0.3)

    def test_training_draws_and_inference_takes_the_mean(self):
        network = demo()
        alpha = torch.rand(1, 256, 32) + 0.1
        assert torch.equal(network.quantise(alpha), network.quantise(alpha, samples="mean"))
        network.train()
        assert not torch.equal(network.quantise(alpha), network.quantise(alpha))

    def test_average_is_the_softmax_of_the_logits(self):
        network = demo(aggregation="average")
        logits = torch.randn(1, 256, 32) * 5
        w = network.weights(network.alpha(logits))
        assert torch.allclose(w, logits.softmax(-1), atol=1e-6)
        assert torch.equal(w, network.train().weights(network.alpha(logits)))

    @pytest.mark.parametrize("k", [1, 4, 16])
    def test_top_k_keeps_the_k_best_renormalised(self, k):
        network = demo(aggregation=f"top{k}")
        logits = torch.randn(1, 256, 32) * 3
        w = network.weights(network.alpha(logits))
        best = logits.topk(k).indices
        assert torch.equal(w > 0, torch.zeros_like(w, dtype=bool).scatter(-1, best, True))
        assert torch.allclose(w.gather(-1, best), logits.gather(-1, best).softmax(-1), atol=1e-5)

    def test_top_k_trains_hard_with_the_gradient_of_the_softmax(self):
        network = demo(aggregation="top4").train()
        logits = (torch.randn(1, 256, 32) * 3).requires_grad_()
        w = network.weights(network.alpha(logits))
        hard = nn.functional.one_hot(logits.argmax(-1), 32).float()
        assert torch.allclose(w, hard, atol=1e-6)
        values = torch.randn(32)
        (grad,) = torch.autograd.grad((w @ values).sum(), logits)
        (soft,) = torch.autograd.grad((logits.softmax(-1) @ values).sum(), logits)
        assert torch.allclose(grad, soft, atol=1e-6)

    @pytest.mark.parametrize("aggregation", ["top0", "top33", "best", "top-4"])
    def test_unknown_aggregation_is_refused(self, aggregation):
        with pytest.raises(ConfigError, match="aggregation"):
            demo(aggregation=aggregation)
        with pytest.raises(ConfigError, match="aggregation"):
            demo().quantise(torch.rand(1, 256, 32), aggregation=aggregation)

    def test_no_draws_are_refused(self):
        with pytest.raises(ConfigError, match="samples: found 0"):
            demo().quantise(torch.rand(1, 256, 32), samples=0)


def test_a_training_step_is_finite_under_bfloat16_autocast():
    from dicface.training.losses import Objective

    network = demo().train()
    x = frames(5)
    with torch.autocast("cpu", torch.bfloat16):
        image, _, alpha = network(x, output="centre")
        terms = Objective(lambda2=0)(image, network.centre(x), alpha)
    assert alpha.dtype == torch.float32
    terms["total"].backward()
    grads = {key: p.grad for key, p in network.named_parameters() if p.requires_grad}
    assert all(grad is not None and grad.isfinite().all() for grad in grads.values())


def test_vqgan_trains_the_encoder_straight_through_and_knows_its_codes():
    network = demo("vqgan")
    x = frames(2)
    image, loss, stats = network(x)
    assert torch.equal(stats["indices"], network.indices(x))
    nearest = torch.cdist(
        stats["z"].movedim(1, -1).flatten(0, 2), network.quantize.embedding.weight
    )
    assert torch.equal(stats["indices"].flatten(), nearest.argmin(1))
    assert torch.equal(network.quantize.lookup(stats["indices"]), stats["zq"])
    used = stats["indices"].unique().numel()
    assert 1 < stats["perplexity"] <= used
    assert loss.item() == pytest.approx(1.25 * (stats["z"] - stats["zq"]).square().mean().item())
    image.sum().backward()
    assert network.encoder.blocks[0].weight.grad.abs().sum() > 0
    assert network.quantize.embedding.weight.grad is None


def test_codeformer_takes_the_best_code_frame_by_frame():
    network = demo("codeformer")
    x = frames(3)
    with torch.no_grad():
        image, logits, lq_feat = network(x, w=0.5, adain=True)
        quant = network.quantise(logits)
        rows = network.quantize.embedding.weight[logits.argmax(-1)]
        assert torch.equal(quant, rows.transpose(1, 2).reshape(3, 16, 16, 16))
        expected = network.decode(adain(quant, lq_feat), network.encode(x)[1], 0.5)
        assert torch.allclose(image, expected, atol=1e-5)
        code_only = network(x, code_only=True)
        assert torch.equal(code_only[0], logits)
        assert torch.equal(code_only[1], lq_feat)
        assert torch.allclose(network(x[1:2])[0], network(x)[0][1:2], atol=1e-4)


def test_codeformer_weights_fit_dicface_but_for_what_is_new():
    codeformer, network = demo("codeformer"), demo()
    missing, unexpected = network.load_state_dict(codeformer.state_dict(), strict=False)
    new = ("multiscale.", "dir_dist_layers.", "position_emb_temporal")
    assert unexpected == []
    assert all(key.startswith(new) for key in missing)


def test_latents_are_contiguous():
    """Channels-last latents would cost the decoder's GroupNorm two digits on the CPU."""
    assert demo().quantise(torch.rand(2, 256, 32)).is_contiguous()
    assert demo("codeformer").quantise(torch.rand(2, 256, 32)).is_contiguous()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"codebok_size": 3}, "no setting codebok_size; it has resolution, nf"),
        ({"resolution": 66}, "resolution: found 66, expected a multiple"),
        ({"norm_groups": 5}, "norm_groups: found 5"),
        ({"attn_resolutions": [24]}, "attn_resolutions: found [24]"),
        ({"connect_list": ["24"]}, 'connect_list: found ["24"]'),
        ({"n_head": 5}, "n_head: found 5, expected a divisor of dim_embd = 32"),
        ({"nf": 0}, "nf: found 0, expected a whole number ≥ 1"),
        ({"codebook_size": "many"}, "codebook_size: found 'many'"),
        ({"frame_length": 4}, "frame_length: found 4, expected an odd number"),
        ({"temporal_start": "one"}, "temporal_start: found 'one', expected one of release, zero"),
        ({"samples": "median"}, "samples: found 'median'"),
        ({"beta_on": "both"}, "beta_on: found 'both', expected one of codebook, commitment"),
    ],
)
def test_bad_settings_are_named(settings, words):
    with pytest.raises(ConfigError) as error:
        demo(**settings)
    assert words in str(error.value)


def test_unknown_network_is_named():
    with pytest.raises(ConfigError, match="vqgan, codeformer, dicface, discriminator"):
        build("dcface")


def test_bad_frames_are_named():
    network = demo()
    with pytest.raises(
        ConfigError, match="got 7 frames, expected whole windows of frame_length = 5"
    ):
        network(frames(7))
    with pytest.raises(ConfigError, match=r"expected \(n, 3, 64, 64\)"):
        network(frames(5, 32))
