"""`dicface verify` names what no longer fits, down to the table that stands on a changed clip."""

import dataclasses
import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from dicface.base.errors import DicfaceError
from dicface.base.files import write_json
from dicface.base.seeds import numpy_rng
from dicface.cli.job import command_of
from dicface.cli.main import EXIT_USER_ERROR, main
from dicface.cli.verify import EXIT_DOES_NOT_FIT
from dicface.config.fields import overlay
from dicface.config.networks import network
from dicface.jobs import JOBS, files_of_a_run
from dicface.metrics import METRICS
from dicface.provenance import cards
from dicface.provenance.manifest import read_manifest, recorded, sidecar, write_run_manifest
from dicface.provenance.verify import verify
from dicface.runs.folder import Run
from dicface.video.clips import write_clip

CONFIG = Path(__file__).resolve().parents[2] / "config" / "config.yaml"
CLIPS = ("test_000", "test_001")
METHOD = "dicface_trained"
TINY = {
    "scale": "base",
    "test_clips": "demo",
    "data": {"size": 32},
    "model": {"transformer": {"connect_list": ["16"]}},
    "degradation": {"scale": 2, "kernel_size": 5, "blur_sigma": [0.1, 1.0]},
}


@contextmanager
def job(name: str, run: Run, **wildcards: str):
    """What the command line records around a job, with the test's own work inside."""
    made = JOBS[name](run=run, **wildcards)
    with recorded(made.artefact(), command_of(made)):
        yield


def frames(*names: str) -> np.ndarray:
    return numpy_rng("verify", *names).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


def make_clips(folder: Path) -> None:
    for clip in CLIPS:
        write_clip(folder / f"{clip}.mkv", frames(clip), 25)
    index = {"clip": CLIPS, "num_frames": 3, "fps": 25.0, "identity": CLIPS, "source": "rendered"}
    pd.DataFrame(index).to_parquet(folder / "index.parquet")


def make_network(config, folder: Path) -> None:
    resolved = network(config, "dicface")
    write_json(folder / "settings.json", {**resolved.decides(), "network": "dicface"})
    about = {"name": "dicface", "starts_from": "", "steps": 7, "seconds": 2.0, "threads": 1}
    about |= {"parameters": 1234567, "frames_seen": 70}
    write_json(folder / "training.json", about)
    (folder / "stats.jsonl").write_text('{"step": 7, "l1": 0.25, "kl": 1.5}\n')
    (folder / "weights.safetensors").write_bytes(b"weights")


def make_scores(folder: Path, method: str) -> None:
    rows = [
        {"clip": clip, "metric": metric, "value": 20.0 + place}
        for place, clip in enumerate(CLIPS)
        for metric in METRICS
    ]
    facts = {"task": "bfr", "method": method, "num_frames": 3, "num_missing": 0, "note": ""}
    facts |= {"backbone": "x", "backbone_sha256": "", "official": False, "protocol": "dicface-2"}
    pd.DataFrame(rows).assign(**facts).to_parquet(folder / "metrics.parquet")


def make_run(run: Run) -> None:
    """A run whose files are made by real jobs where they are quick, else in their place."""
    run.write_settings()
    with job("render_clips", run.training, split="train"):
        make_clips(run.training.clips("train"))
    with job("import_clips", run):
        make_clips(run.truth)
    assert main(["job", "degrade", "--run", str(run.folder), "--task", "bfr"]) == 0
    with job("train", run.training, network="dicface"):
        make_network(run.config, run.network("dicface").folder)
    restored = run.results("bfr", METHOD)
    with job("restore", run, task="bfr", method=METHOD):
        for clip in CLIPS:
            write_clip(restored.folder / f"{clip}.mkv", frames(clip, "restored"), 25)
        write_json(restored.index, {"method": METHOD, "clips": CLIPS})
    for method in ("input", METHOD):
        with job("score", run, task="bfr", method=method):
            make_scores(run.results("bfr", method).folder, method)
    floor = {"kind": ["re-encoded"], "metric": ["psnr"], "value": [40.0], "clips": [2]}
    with job("noise_floor", run):
        pd.DataFrame(floor).assign(backbone="pixels").to_parquet(run.noise_floor)
    assert main(["job", "table", "--run", str(run.folder), "--table", "table1"]) == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run whose networks lie in another one, as with videos of one's own."""
    results = tmp_path_factory.mktemp("home") / "results"
    raw = overlay(yaml.safe_load(CONFIG.read_text()), TINY | {"results": str(results)})
    named = Run.of(raw)
    make_run(dataclasses.replace(named, folder=results / "demo"))
    return results


@pytest.fixture
def run(made, tmp_path):
    """A copy, which also shows that a run may be moved."""
    shutil.copytree(made, tmp_path / "moved")
    return tmp_path / "moved" / "demo"


def found(*paths: Path, **options) -> dict[str, list[tuple[str, str]]]:
    """Artefact -> (what, file) of its findings, of those that have any."""
    verdict = verify(paths, expected=files_of_a_run(), progress=False, **options)
    return {
        name: [(each.what, each.file) for each in findings]
        for name, findings in verdict.artefacts.items()
        if findings
    }


def change(path: Path, content: bytes = b"other") -> None:
    path.write_bytes(content)


SCORES, TABLE = f"demo/bfr/{METHOD}/metrics.parquet", "demo/tables/table1.md"
RESTORED, INPUTS = f"demo/bfr/{METHOD}/index.json", "demo/bfr/input/degradation.parquet"
CLIP, WEIGHTS = "demo/clips/own/test_000.mkv", "base/train/dicface/weights.safetensors"


def test_a_run_that_fits_says_so_in_one_line(run, capsys):
    assert main(["verify", str(run)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("9 artefacts, ")
    assert line.endswith("files: all fit")


def test_a_changed_clip_names_everything_that_stands_on_it(run, capsys):
    change(run.parent / CLIP)
    assert main(["verify", str(run)]) == EXIT_DOES_NOT_FIT
    text = capsys.readouterr().out
    wrong = found(run)
    assert wrong["demo/clips/own/index.parquet"] == [("output changed", CLIP)]
    assert wrong[INPUTS] == wrong[SCORES] == [("input changed", CLIP)]
    assert wrong[RESTORED] == wrong[TABLE] == [("stands on", CLIP)]
    assert len(wrong) == 7, "the noise floor was measured on it, the network learnt from others"
    assert f"output changed: {CLIP} has 5 bytes, had " in text
    assert f"  stands on {CLIP}, which no longer fits, through " in text
    assert text.splitlines()[-1].endswith("files: 7 do not fit")


def test_a_table_alone_is_checked_down_to_the_clips(run):
    assert found(run / "tables" / "table1.csv") == {}
    change(run.parent / CLIP)
    assert found(run / "tables" / "table1.csv")[TABLE] == [("stands on", CLIP)]
    assert "demo/tables/table1.md" not in found(run / "bfr" / "input" / "degradation.parquet")


def test_weights_of_another_run_are_named_by_what_was_restored_with_them(run):
    change(run.parent / WEIGHTS, b"Weights")
    wrong = found(run)
    text = verify([run], progress=False).as_text()
    assert f"stands on {WEIGHTS}, which no longer fits, through {SCORES} ← {RESTORED}\n" in text
    assert wrong[WEIGHTS] == [("output changed", WEIGHTS)]
    assert wrong[RESTORED] == [("input changed", WEIGHTS)]
    assert wrong[SCORES] == wrong[TABLE] == [("stands on", WEIGHTS)]
    assert INPUTS not in wrong


def test_a_missing_output_and_a_table_that_somebody_edited(run):
    (run / "bfr" / METHOD / "test_001.mkv").unlink()
    with open(run / "tables" / "table1.csv", "a") as file:
        file.write("mine,psnr,99\n")
    wrong = found(run)
    gone = f"demo/bfr/{METHOD}/test_001.mkv"
    assert wrong[RESTORED] == [("output missing", gone)]
    assert wrong[SCORES] == [("input missing", gone)]
    assert wrong[TABLE] == [
        ("output changed", "demo/tables/table1.csv"),
        ("stands on", gone),
    ]


def test_what_was_made_again_leaves_those_behind_that_were_made_before(run):
    """Clips and their manifest fit each other; inputs and tables are of the clips before."""
    change(run.parent / CLIP)
    with job("import_clips", Run.load(run)):
        pass
    wrong = found(run)
    assert "demo/clips/own/index.parquet" not in wrong
    assert wrong[INPUTS] == [("input changed", CLIP)]
    assert wrong[TABLE] == [("stands on", CLIP)]


def test_an_input_that_its_maker_did_not_make_is_refused_and_named(run, monkeypatch):
    """The file was changed before it was read: it is as it was then, and not as it was made."""
    change(run / "bfr" / METHOD / "test_000.mkv")
    said = (
        rf"test_000\.mkv: is no longer what was written .*job restore --run .* --method {METHOD}`"
    )
    with (
        pytest.raises(DicfaceError, match=said),
        job("score", Run.load(run), task="bfr", method=METHOD),
    ):
        pytest.fail("nothing is made from it")
    # As manifests of earlier versions have it.
    monkeypatch.setattr("dicface.provenance.manifest.require_as_written", lambda *_: None)
    with job("score", Run.load(run), task="bfr", method=METHOD):
        pass
    file = f"demo/bfr/{METHOD}/test_000.mkv"
    assert found(run)[SCORES] == [("input changed", file)]


def test_files_without_manifest_and_damaged_manifests(run):
    sidecar(run / "bfr" / METHOD / "index.json").unlink()
    sidecar(run / "tables" / "table1.md").write_text("{")
    (run / "figures").mkdir()
    (run / "figures" / "mine.png").write_bytes(b"")
    wrong = found(run)
    assert wrong == {
        RESTORED: [("no manifest", RESTORED)],
        f"{TABLE}.manifest.json": [("damaged manifest", f"{TABLE}.manifest.json")],
        "demo/tables/table1_paper.md": [("no manifest", "demo/tables/table1_paper.md")],
        "demo/figures/mine.png": [("no manifest", "demo/figures/mine.png")],
    }


def test_a_manifest_needs_none_though_its_artefacts_are_json_as_well(run):
    loaded = Run.load(run)
    with job("inspect", loaded, network="dicface"):
        write_json(loaded.inspection("dicface"), {})
    assert not found(run)


def test_an_artefact_that_the_run_manifest_lists_and_that_is_gone(run):
    write_run_manifest(run)
    for path in (run / "tables").iterdir():
        path.unlink()
    assert found(run) == {TABLE: [("artefact missing", TABLE)]}
    (run / "manifest.json").write_text("[]")
    with pytest.raises(
        DicfaceError, match=r"manifest\.json: .*list of a run's artefacts\. Delete it"
    ):
        verify([run], progress=False)


def test_quick_compares_sizes_alone(run):
    change(run.parent / WEIGHTS, b"Weights")
    assert found(run, quick=True) == {}
    change(run.parent / WEIGHTS, b"longer weights")
    assert found(run, quick=True)[RESTORED] == [("input changed", WEIGHTS)]


def test_released_weights_that_were_replaced_are_named(run, tmp_path, monkeypatch):
    path = sidecar(run / "bfr" / METHOD / "index.json")
    manifest = read_manifest(path)
    manifest["outside"] = {"weights/x.pth": {"sha256": "0" * 64, "bytes": 5}}
    write_json(path, manifest)
    assert found(run) == {}, "not on this machine: nothing to say"
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    change(tmp_path / "x.pth")
    file = str(tmp_path / "x.pth")
    wrong = found(run)
    assert wrong[RESTORED] == [("weights changed", file)]
    assert wrong[TABLE] == [("stands on", file)]


def test_another_commit_is_a_note_and_nothing_wrong(run):
    path = sidecar(run / "tables" / "table1.md")
    manifest = read_manifest(path)
    manifest["code"] = {"version": "9.9", "commit": "c0ffee" * 7, "changed": True, "note": ""}
    write_json(path, manifest)
    verdict = verify([run], progress=False)
    assert verdict.fits
    assert "made by dicface 9.9 c0ffeec0ffee with changes: 1 (demo/tables/table1.md)" in (
        verdict.notes
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "no such file or folder"),
        ("demo/logs", "found no manifest"),
        ("demo/run_config.yaml", "no manifest in its folder accounts for it"),
    ],
)
def test_what_cannot_be_verified_is_one_message(run, name, said, capsys):
    (run / "logs").mkdir(exist_ok=True)
    assert main(["verify", str(run.parent / name)]) == EXIT_USER_ERROR
    message = capsys.readouterr().err
    assert message.startswith("dicface verify: ")
    assert said in message


def test_no_manifest_or_card_holds_where_the_run_was_made(made):
    texts = [*made.rglob("*.manifest.json"), *made.rglob("README.md")]
    assert len(texts) == 9 + 4
    for path in texts:
        assert str(made.parent) not in path.read_text()


def test_the_cards_say_what_the_files_are(made):
    run = made / "demo"
    card = (made / "base" / "train" / "dicface" / "README.md").read_text()
    for part in (
        "1,234,567 parameters",
        "7; batch size 1",
        "2 rendered ones of 8 frames, in `clips/train`",
        "| l1 | 0.25 |",
        "| codebook_size | 512 |",
        "rendered heads alone, 7 steps",
        "dicface restore --method dicface_trained --weights weights.safetensors --task bfr",
        read_manifest(sidecar(made / WEIGHTS))["artefact"]["sha256"],
        "Apache-2.0",
    ):
        assert part in card, part
    clips = (run / "clips" / "own" / "README.md").read_text()
    for part in ("2 × rendered", "6, 3 a clip", "32 × 32 px", "| test_001 | 3 |", "show nobody"):
        assert part in clips, part
    inputs = (run / "bfr" / "input" / "README.md").read_text()
    for part in ("| kernel_size | 5 |", "`base-0|degrade|<clip>`", "| crf | ", "| clip |"):
        assert part in inputs, part


def manifest_of(kind: str, **settings) -> dict:
    """A manifest as a command hands it to a card."""
    code = {"version": "0.1.0", "commit": "c0ffee", "changed": False, "note": ""}
    machine = {"cpu": "x", "cores": 1, "gpus": []}
    empty = {"inputs": {}, "outside": {}, "outputs": {}, "seeds": [], "ended": "now"}
    artefact = {"file": "x", "sha256": "ab" * 32, "bytes": 1000}
    return {"kind": kind, "artefact": artefact, "settings": settings, "code": code} | (
        empty | {"machine": machine}
    )


def test_cards_of_clips_that_others_made_leave_terms_and_paths_to_them(tmp_path):
    source = str(tmp_path / "secret" / "a.mp4")
    row = {"clip": "a", "num_frames": 4, "fps": 25.0, "identity": "a", "source": source}
    row |= {"num_interpolated": 1, "detector": "dlib", "left_out": "", "landmarks": ""}
    row |= dict.fromkeys(("height", "width", "row_group"), 0)
    row |= dict.fromkeys((f"crop_{corner}" for corner in ("x0", "y0", "x1", "y1")), -1)
    pd.DataFrame([row, {**row, "clip": "b", "left_out": "no face"}]).to_parquet(
        tmp_path / "index.parquet"
    )
    card = cards.clips_card(tmp_path, manifest_of("clips", size=512, fps=25))
    for part in ("2 × video", "landmarks by: dlib", "frames without a face: 2", "Terms of the"):
        assert part in card, part
    index = cards.index_card(tmp_path, manifest_of("index", layout="vfhq_train", folder="vfhq"))
    for part in ("folder `vfhq`", "clips: 1, and 1 that are left out", "frames: 4, 4 a clip"):
        assert part in index, part
    assert "secret" not in card + index


def test_the_card_of_released_weights_names_their_file_and_terms(tmp_path):
    released = {"name": "vqgan_code1024", "file": "vqgan_code1024.pth", "sha256": "cd" * 32}
    facts = {"stage": "vqgan", "settings": {"resolution": 512}, "released": released}
    write_json(tmp_path / "settings.json", facts)
    write_json(
        tmp_path / "training.json", {"name": "vqgan", "steps": 0, "seconds": 0.0, "parameters": 5}
    )
    card = cards.network_card(
        tmp_path, manifest_of("network", stage="vqgan", settings={"resolution": 512})
    )
    for part in ("taken from a released file", "cd" * 32, "dicface weights list", "512 × 512 px"):
        assert part in card, part
    assert "Apache" not in card
    assert "rendered" not in card


def test_the_manifest_of_a_table_reaches_its_clips(made):
    manifest = json.loads(sidecar(made / "demo" / "tables" / "table1.md").read_text())
    scores = [f"bfr/{method}/metrics.parquet" for method in (METHOD, "input")]
    files = ["../base/train/dicface/training.json", *scores, "noise_floor.parquet"]
    assert sorted(manifest["inputs"]) == files
    assert sorted(manifest["outputs"])[0] == "tables/table1.csv"
