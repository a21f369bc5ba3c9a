"""Looking inside networks: known posteriors, each mixture's picture, calibration, bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from dicface.base.errors import ClipError, WeightsError
from dicface.base.files import write_json
from dicface.base.seeds import numpy_rng
from dicface.cli.main import EXIT_USER_ERROR, main
from dicface.data.degradation.tasks import task_input
from dicface.jobs import JOBS
from dicface.methods import create
from dicface.metrics.psnr import psnr
from dicface.models import build
from dicface.models.checkpoint import save_weights
from dicface.report.inspection.calibration import Calibration, gain, risk
from dicface.report.inspection.clips import pairs_of_folders, pairs_of_run, run_of_weights
from dicface.report.inspection.measure import inspect_weights
from dicface.report.inspection.notes import inspections
from dicface.report.inspection.opened import open_weights
from dicface.report.inspection.posterior import latent_variance
from dicface.report.inspection.text import MIXTURES, in_one_sentence, to_screen
from dicface.report.run import declare
from dicface.report.site.inspections import read_inspections
from dicface.report.site.pages import Pages
from dicface.restoring.runner import restore_frames, to_tensor, to_uint8
from dicface.runs.folder import Run
from dicface.video.clips import read_frames, write_clip
from tests.models._small import DICFACE as SETTINGS
from tests.report.site._page import Page

ROOT = Path(__file__).resolve().parents[3]
CODES, SIDE = SETTINGS["codebook_size"], SETTINGS["resolution"]


def save_network(path, kind="dicface", *, sharpness=3.0, stage="", prior=10.0, **settings):
    """A network whose logits spread by `sharpness`; 0 gives one constant posterior."""
    torch.manual_seed(3)
    network = build(kind, **SETTINGS | settings)
    with torch.no_grad():
        network.idx_pred_layer[1].weight.normal_(std=sharpness)
        for name, parameter in network.named_parameters():
            if name.startswith("fuse_convs_dict"):
                parameter.normal_(std=0.1)
    facts = {
        "network": kind,
        "settings": SETTINGS | settings,
        "task": "bfr",
        "stage": stage or {"codeformer": "fusion"}.get(kind, kind),
        "train": {"prior_alpha": prior, "kl_scale": 0.5},
        "inputs": {"scale": 2, "kernel_size": 3},
    }
    save_weights(path, network.state_dict(), facts)
    return path


@pytest.fixture
def folders(tmp_path):
    for folder in ("truth", "input"):
        for clip, count in (("long", 7), ("short", 2)):
            rng = numpy_rng("test inspection", folder, clip)
            frames = rng.integers(0, 255, size=(count, SIDE, SIDE, 3), dtype=np.uint8)
            write_clip(tmp_path / folder / f"{clip}.mkv", frames, 25)
    return [tmp_path / "truth", tmp_path / "input"]


def inspect(weights, folders, **how):
    opened = open_weights(weights)
    return inspect_weights(opened, pairs_of_folders(folders, "bfr", {}), **how)


def psnr_of_method(name, weights, folders, **settings):
    """What the scorer would give: the method's own frames, frame by frame, clip by clip."""
    method = create(name, weights=weights, **settings)
    clips = []
    for clip in ("long", "short"):
        frames = map(to_tensor, read_frames(folders[1] / f"{clip}.mkv"))
        restored = restore_frames(method, frames, clip=clip, source=clip)
        truth = read_frames(folders[0] / f"{clip}.mkv")
        clips.append(np.mean([psnr(to_uint8(a), b) for a, b in zip(restored, truth, strict=True)]))
    return np.mean(clips)


def test_as_predicted_is_what_the_method_restores(tmp_path, folders):
    weights = save_network(tmp_path / "w.safetensors")
    found = inspect(weights, folders)
    psnr_db = found["psnr_db"]
    assert list(psnr_db) == list(MIXTURES)
    for mixture, settings in (
        ("predicted", {}),
        ("top1", {"aggregation": "top1"}),
        ("no_skips", {"fidelity_w": 0.0}),
    ):
        expected = psnr_of_method("dicface_trained", weights, folders, **settings)
        assert psnr_db[mixture] == pytest.approx(expected, abs=2e-3), mixture
    assert len({round(value, 4) for value in psnr_db.values()}) == len(MIXTURES)
    cost = found["psnr_costs_db"]["clip_mean"]["mean"]
    assert cost == pytest.approx(psnr_db["predicted"] - psnr_db["clip_mean"])
    assert "predicted" not in found["psnr_costs_db"]
    assert found["clips"] | {"what": ""} == {"what": "", "clips": 2, "frames": 9}
    assert inspect(weights, folders, num_frames=1)["clips"]["frames"] == 2


def test_a_constant_posterior_has_closed_forms(tmp_path, folders):
    weights = save_network(tmp_path / "w.safetensors", sharpness=0.0, prior=0.5)
    found = inspect(weights, folders)
    alpha = torch.full((CODES,), float(torch.nn.functional.softplus(torch.zeros(())) + 0.01))
    prior = torch.full((CODES,), 0.5)
    nats = torch.distributions.kl_divergence(
        torch.distributions.Dirichlet(alpha), torch.distributions.Dirichlet(prior)
    )
    posterior, weights_facts = found["posterior"], found["weights"]
    (divergence,) = posterior["divergence"]
    assert divergence["nats_a_position"] == pytest.approx(nats.item(), rel=1e-3)
    assert divergence["nats_a_frame"] == pytest.approx(
        nats.item() * weights_facts["positions"], rel=1e-3
    )
    assert (divergence["prior"], divergence["from"]) == (0.5, "its training")
    assert posterior["alpha_sum_mean"] == pytest.approx(alpha.sum().item(), rel=1e-4)
    assert posterior["alpha_sum_sd"] == pytest.approx(0, abs=1e-4)
    assert posterior["effective_codes"] == pytest.approx(CODES)
    assert posterior["effective_codes_of_mean"] == pytest.approx(CODES)
    assert posterior["codes_used"] == 1
    assert found["psnr_db"]["uniform"] == pytest.approx(found["psnr_db"]["predicted"], abs=1e-3)
    assert found["psnr_db"]["clip_mean"] == pytest.approx(found["psnr_db"]["predicted"], abs=1e-3)
    assert (
        found["calibration"]["variance"]["spearman"] is None
        or abs(found["calibration"]["variance"]["spearman"]) < 0.3
    )
    said = to_screen(found)
    assert "16.0 of 16 at a position" in said
    assert "  no   at most N/4 effective codes (16.0)" in said
    json.dumps(found)


def test_codeformer_has_no_dirichlet_and_says_so(tmp_path, folders):
    weights = save_network(tmp_path / "w.safetensors", "codeformer")
    found = inspect(weights, folders)
    assert found["posterior"]["distribution"] == "softmax"
    assert found["posterior"]["divergence"] == []
    assert found["posterior"]["alpha_sum_mean"] is None
    assert set(found["calibration"]) == {"variance", "entropy"}
    assert found["weights"]["restores_with"] == "top1"
    expected = psnr_of_method("codeformer_trained", weights, folders)
    assert found["psnr_db"]["top1"] == pytest.approx(expected, abs=2e-3)
    assert "top1" not in found["psnr_costs_db"]
    said = to_screen(found)
    assert "no Dirichlet" in said
    assert "KL" not in said + in_one_sentence(found)
    assert f"PSNR {expected:.2f} dB as it restores" in in_one_sentence(found)


def test_stage_two_has_no_skips(tmp_path, folders):
    weights = save_network(tmp_path / "w.safetensors", "codeformer", stage="codeformer")
    found = inspect(weights, folders)
    assert found["weights"]["fidelity_w"] == 0
    assert found["psnr_db"]["top1"] == found["psnr_db"]["no_skips"]
    assert "stage II does not train" in to_screen(found)


def test_a_softmax_of_dicface_has_no_divergence(tmp_path, folders):
    weights = save_network(tmp_path / "w.safetensors", aggregation="top4")
    found = inspect(weights, folders)
    assert found["posterior"]["distribution"] == "softmax"
    assert found["posterior"]["effective_codes"] <= 4 + 1e-6
    expected = psnr_of_method("dicface_trained", weights, folders)
    assert found["psnr_db"]["predicted"] == pytest.approx(expected, abs=2e-3)


def test_variance_of_a_latent_is_that_of_its_draws():
    torch.manual_seed(0)
    codes, alpha = torch.randn(5, 3), torch.tensor([[0.3, 2.0, 1.0, 0.1, 4.0]])
    weights = alpha / alpha.sum()
    draws = torch.distributions.Dirichlet(alpha[0]).sample((40000,)) @ codes
    found = latent_variance(alpha, weights, codes, True)
    assert found.item() == pytest.approx(draws.var(0).sum().item(), rel=0.03)
    drawn = codes[torch.multinomial(weights[0], 40000, replacement=True)]
    found = latent_variance(weights, weights, codes, False)
    assert found.item() == pytest.approx(drawn.var(0).sum().item(), rel=0.03)


def test_calibration_tells_a_good_score_from_a_bad_one():
    rng = np.random.default_rng(0)
    error = rng.exponential(size=(4, 500))
    good, bad, none = Calibration(), Calibration(), Calibration()
    good.add(error**2, error)
    bad.add(-error, error)
    none.add(np.ones_like(error), error)
    assert good.numbers()["spearman"] == pytest.approx(1)
    assert good.numbers()["risk_coverage_gain"] == pytest.approx(1)
    assert bad.numbers()["spearman"] == pytest.approx(-1)
    assert bad.numbers()["risk_coverage_gain"] < 0
    assert none.numbers()["spearman"] is None
    assert none.numbers()["risk_coverage_gain"] == pytest.approx(0)
    at = good.numbers()["error_at_coverage"]
    assert at["1.0"] == pytest.approx(error.mean())
    assert at["0.1"] < at["0.5"] < at["1.0"]
    assert gain(rng.random(2000), error.ravel()) == pytest.approx(0, abs=0.1)
    assert risk(np.zeros(4), np.arange(4.0), (0.5,)) == pytest.approx(1.5)


def test_inputs_are_made_as_in_the_training(tmp_path, folders):
    weights = save_network(tmp_path / "w.safetensors")
    opened = open_weights(weights)
    pairs = pairs_of_folders(folders[:1], "bfr", opened.facts["inputs"])
    assert pairs.made_by.settings()["scale"] == 2
    assert "degraded here as in its training" in pairs.what
    first = inspect_weights(opened, pairs)
    assert first == inspect_weights(opened, pairs)
    assert pairs_of_folders(folders[:1], "bfr", {}).made_by.settings()["scale"] == 4


def test_the_command_prints_text_or_json(tmp_path, folders, capsys):
    weights = str(save_network(tmp_path / "w.safetensors"))
    clips = ["--clips", *map(str, folders), "--threads", "1"]
    assert main(["inspect", weights, *clips, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["weights"]["file"] == weights
    assert main(["inspect", weights, *clips]) == 0
    assert capsys.readouterr().out == to_screen(found)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.safetensors"], "no such file, and no name of `dicface weights list`"),
        (["dicface_bf"], "Did you mean dicface_bfr"),
        (["dicface_bfr"], "is not on this machine"),
        (["vqgan.safetensors"], "holds the network 'vqgan', which predicts no weights of codes"),
        (["w.safetensors"], "lies in no run, whose test clips would serve. Name clips by --clips"),
        (["w.safetensors", "--clips", "truth", "input", "x"], "found 3 folders"),
        (["w.safetensors", "--clips", "truth", "other"], "has no input for clip 'long' of truth"),
        (["w.safetensors", "--clips", "large"], "frames are 32×32 px, and the network takes 16×16"),
        (["w.safetensors", "--clips", "truth", "cut"], "has 3 frames, its truth"),
        (["cut.safetensors", "--clips", "truth"], "expected a whole safetensors file"),
        (["other.pth", "--clips", "truth"], "neither its name nor its digest is in the registry"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, folders, words, said, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DICFACE_WEIGHTS", raising=False)
    save_network(tmp_path / "w.safetensors")
    save_weights(tmp_path / "vqgan.safetensors", {"x": torch.zeros(1)}, {"network": "vqgan"})
    (tmp_path / "cut.safetensors").write_bytes(b"cut")
    torch.save({"x": torch.zeros(1)}, tmp_path / "other.pth")
    frames = np.zeros((3, SIDE, SIDE, 3), np.uint8)
    write_clip(tmp_path / "other" / "short.mkv", frames, 25)
    for clip in ("long", "short"):
        write_clip(tmp_path / "cut" / f"{clip}.mkv", frames, 25)
        write_clip(tmp_path / "large" / f"{clip}.mkv", frames.repeat(2, 1).repeat(2, 2), 25)
    assert main(["inspect", *words, "--threads", "1"]) == EXIT_USER_ERROR
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("dicface inspect: ")
    assert len(error.splitlines()) == 1


def test_released_weights_are_known_by_their_digest(tmp_path, folders, monkeypatch):
    """A small network in the place of the released one: the file's content is what is known."""
    import dataclasses

    from dicface.methods.dicface import DicFace
    from dicface.weights import registry

    torch.manual_seed(0)
    network = build("dicface", **SETTINGS)
    file = tmp_path / "renamed.pth"
    torch.save({"params_ema": network.state_dict()}, file)
    known = registry.registry()
    entry = dataclasses.replace(
        known["dicface_bfr"], sha256=registry.digest(file), sha256_prefix=None, git_blob_sha1=None
    )
    monkeypatch.setattr(registry, "registry", lambda: {**known, "dicface_bfr": entry})
    monkeypatch.setattr(DicFace, "build", lambda self: build("dicface", **SETTINGS))
    found = inspect(file, folders)
    assert found["weights"]["released"] == "dicface_bfr"
    assert [each["prior"] for each in found["posterior"]["divergence"]] == [1.0, 0.1]
    assert "released by its authors" in to_screen(found)
    other = tmp_path / "gpen.pth"
    torch.save({"x": torch.zeros(1)}, other)
    gpen = next(name for name in known if name.startswith("gpen"))
    entry = dataclasses.replace(
        known[gpen], sha256=registry.digest(other), sha256_prefix=None, git_blob_sha1=None
    )
    monkeypatch.setattr(registry, "registry", lambda: {gpen: entry})
    with pytest.raises(WeightsError, match="which predicts no weights of codes"):
        open_weights(other)


def test_a_run_inspects_its_networks_and_table_1_says_it(tmp_path):
    raw = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    raw |= {"results": str(tmp_path), "device": "cpu"}
    run = Run.of(raw)
    run.write_settings()
    for folder in (run.truth, run.inputs("bfr")):
        frames = numpy_rng("run", folder.name).integers(0, 255, (2, SIDE, SIDE, 3), np.uint8)
        write_clip(folder / "a.mkv", frames, 25)
    run.restored_index("bfr", "input").touch()
    weights = save_network(run.network("dicface").weights)
    job = JOBS["inspect"](run=run, network="dicface")
    assert run.inspection("dicface") in JOBS["table"](run=run, table="table1").waits_for()
    assert run.inspection("prior_10") in JOBS["table"](run=run, table="table3").waits_for()
    assert run.inspection("dicface") not in JOBS["table"](run=run, table="table4").waits_for()
    assert weights in job.waits_for()
    assert job.depends_on() == {
        "position": "centre",
        "fidelity_w": 1.0,
        "aggregation": None,
        "device": "cpu",
        "num_frames": 8,
    }
    job.work()
    found = json.loads(run.inspection("dicface").read_text())
    assert found["clips"]["what"] == f"test clips of {run.folder}"
    notes = inspections(run, "table1", declare(run.config, "table1"))
    assert notes == [f"DicFace (trained): {in_one_sentence(found)}."]
    codes = f"α = 1 {found['posterior']['effective_codes']:.1f}"
    (note,) = inspections(run, "table3", declare(run.config, "table3"))
    assert note == f"Effective codes of a position, exp(entropy) of its weights: {codes}."
    assert pairs_of_run(run_of_weights(weights), "bfr").inputs == {"a": run.inputs("bfr") / "a.mkv"}
    run.restored_index("bfr", "input").unlink()
    made = pairs_of_run(run, "bfr")
    assert made.seed_name == run.config.degradation_seed_name
    assert made.made_by == task_input(run.config, "bfr")


def test_the_report_has_a_panel_of_each_network(tmp_path, folders):
    found = inspect(save_network(tmp_path / "w.safetensors"), folders)
    write_json(tmp_path / "inspection" / "prior_10.json", found)
    write_json(tmp_path / "inspection" / "prior_10.json.manifest.json", {})
    (panel,) = read_inspections(tmp_path / "inspection")
    pages = Pages("A test", tmp_path, [], [], [], {})
    pages.write("inspections.html", "panel.html", inspections=[panel])
    page = Page(tmp_path / "panel.html").text
    assert "prior_10" in page
    assert f"{found['psnr_db']['clip_mean']:.2f}" in page
    for words in (*MIXTURES.values(), "KL to Dir(10) (its training)", "predicted variance"):
        assert words in page
    assert read_inspections(tmp_path / "none") == []


def test_clips_that_are_missing_are_named(tmp_path):
    with pytest.raises(ClipError, match="no such folder"):
        pairs_of_folders([tmp_path / "none"], "bfr", {})
