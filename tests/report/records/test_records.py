"""Rows as records: what they hold, that edits are found, and with what they may be compared."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from dicface.base.errors import ConfigError, MetricError
from dicface.base.seeds import numpy_rng
from dicface.cli.main import main
from dicface.config.load import load
from dicface.config.settings import ResultsElsewhere
from dicface.metrics import METRICS
from dicface.provenance.manifest import sidecar
from dicface.report.compare import compare, what_differs
from dicface.report.records.export import records_of_run, records_of_scores
from dicface.report.records.record import digest_record, read_record
from dicface.report.records.shelf import add, require_same, truth_of
from dicface.report.run import table_inputs, write_run_table
from dicface.runs.folder import Run
from dicface.video.clips import write_clip

REPOSITORY = Path(__file__).resolve().parents[3]
CONFIG = load(REPOSITORY / "config" / "config.yaml")
CLIPS = [f"test_{i:03d}" for i in range(7)]
BY_CLIP = [name for name, facts in METRICS.items() if facts.level != "set"]


def scores_of(folder: Path, method: str, level: float, **changes: object) -> None:
    rows = [
        {"clip": clip, "metric": metric, "value": level + i + 0.1 * (i % 2)}
        for i, clip in enumerate(CLIPS)
        for metric in BY_CLIP
    ]
    table = pd.DataFrame(rows).assign(task="bfr", method=method, num_frames=3, num_missing=0)
    table = table.assign(backbone="dlib-68", backbone_sha256="ab", official=False, note="")
    table = table.assign(protocol="dicface-2").assign(**changes)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "metrics.parquet")


def made(folder: Path, level: float = 20.0, raw: dict | None = None) -> Run:
    for clip in CLIPS:
        frames = numpy_rng("records", clip).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
        write_clip(folder / "clips" / "test" / f"{clip}.mkv", frames, 25)
    for method, better in (("input", 0), ("input_mean5", 1)):
        scores_of(folder / "bfr" / method, method, level + better)
    index = {"weights": {"W.pth": "12"}}
    (folder / "bfr" / "input_mean5" / "index.json").write_text(json.dumps(index))
    manifest = {
        "format": 1,
        "artefact": {"file": "x", "sha256": "ab", "bytes": 1},
        "command": ["x"],
        "root": "",
        "inputs": {},
        "outside": {},
        "outputs": {},
    }
    manifest |= {"code": {"version": "9.8"}, "machine": {"cores": 2}, "ended": "2026-01-02T03:04"}
    path = sidecar(folder / "bfr" / "input_mean5" / "metrics.parquet")
    path.write_text(json.dumps({**manifest, "settings_sha256": "ef"}))
    cost = {"clips": {clip: {"frames": 3, "seconds": 0.5} for clip in CLIPS}, "device": "cpu"}
    (folder / "bfr" / "input_mean5" / "cost.json").write_text(json.dumps(cost))
    floor = {"kind": "re-encoded", "metric": "psnr", "value": 40.0, "clips": 3, "backbone": ""}
    floor = pd.DataFrame([floor])
    floor.to_parquet(folder / "noise_floor.parquet")
    return Run(config=CONFIG, raw=raw or {}, folder=folder, train_folder=folder)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return made(tmp_path / "results" / "demo")


@pytest.fixture
def record(run: Run, tmp_path: Path) -> Path:
    (found,) = records_of_run(run, ["input_mean5"])
    found.write(tmp_path / "input_mean5.json")
    return tmp_path / "input_mean5.json"


def edited(path: Path, change) -> Path:
    """The record with a change, and its digest made to fit again."""
    values = json.loads(path.read_text())
    change(values)
    values["sha256"] = digest_record(values)
    out = path.with_name("edited.json")
    out.write_text(json.dumps(values))
    return out


def test_a_record_holds_what_was_scored_by_what_on_which_clips(record: Path) -> None:
    found = read_record(record)
    assert (found.method, found.task) == ("input_mean5", "bfr")
    assert found.label.endswith(", mean of 5")
    assert found.version.startswith("dicface ")
    assert found.protocol == "dicface-2"
    assert found.backbones["lpips"].name == "dlib-68"
    assert list(found.clips) == CLIPS
    assert found.clips[CLIPS[0]].num_frames == 3
    assert found.values["psnr"][CLIPS[2]] == 23.0
    assert set(found.values) == set(BY_CLIP)
    assert (found.cost.frames, found.cost.seconds) == (21, 3.5)
    assert found.weights == {"W.pth": "12"}
    assert (found.code, found.machine) == ({"version": "9.8"}, {"cores": 2})
    assert (found.settings_sha256, found.made) == ("ef", "2026-01-02T03:04")


def test_a_number_changed_by_hand_is_found(record: Path) -> None:
    record.write_text(record.read_text().replace("23.0", "33.0", 1))
    with pytest.raises(
        MetricError, match=r"input_mean5\.json: is not as it was written: its digest is"
    ):
        read_record(record)


def test_what_is_no_record_is_named(record: Path, tmp_path: Path) -> None:
    with pytest.raises(MetricError, match="no such file; expected a record"):
        read_record(tmp_path / "nowhere.json")
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(MetricError, match="is no JSON"):
        read_record(tmp_path / "x.json")
    (tmp_path / "x.json").write_text('{"format": 9}')
    with pytest.raises(MetricError, match="found format 9; expected a record of format 1"):
        read_record(tmp_path / "x.json")
    with pytest.raises(MetricError, match=r"method: String should match"):
        read_record(edited(record, lambda values: values.update(method="My method")))
    with pytest.raises(MetricError, match=r"cost: Field required"):
        read_record(edited(record, lambda values: values.pop("cost")))
    with pytest.raises(MetricError, match=r"its protocol_sha256 is not that of its protocol"):
        read_record(edited(record, lambda values: values["backbones"]["psnr"].update(name="x")))
    with pytest.raises(MetricError, match=r"psnr of clips that are not listed: stranger"):
        read_record(edited(record, lambda values: values["values"]["psnr"].update(stranger=1.0)))


def test_a_record_of_another_protocol_or_other_clips_is_refused(
    record: Path, run: Run, tmp_path: Path
) -> None:
    require_same(read_record(record), run)
    other = made(tmp_path / "other")
    scores_of(
        other.folder / "bfr" / "input_mean5",
        "input_mean5",
        20,
        protocol="dicface-1",
        backbone="FAN",
    )
    (other.folder / "bfr" / "input" / "metrics.parquet").unlink()
    frames = np.zeros((3, 16, 16, 3), np.uint8)
    write_clip(other.folder / "clips" / "test" / f"{CLIPS[0]}.mkv", frames, 25)
    write_clip(other.folder / "clips" / "test" / "more.mkv", frames, 25)
    with pytest.raises(MetricError) as raised:
        require_same(read_record(record), other)
    said = str(raised.value)
    assert "protocol 'dicface-2', the run's is 'dicface-1'" in said
    assert "LPIPS by dlib-68 (ab), the run's is by FAN (ab)" in said
    assert "clips missing that the run has: more" in said
    assert f"other frames in the true clips: {CLIPS[0]}" in said


def test_an_added_record_is_a_row_of_the_table(record: Path, run: Run) -> None:
    with pytest.raises(ConfigError, match="has a row of that name already.*--name"):
        add(record, run)
    add(record, run, name="theirs")
    add(record, run, name="theirs")  # the same one again changes nothing
    text = write_run_table(run, "table1")
    assert "Published records" in text
    assert "from a published record" in " ".join(text.split())
    lines = pd.read_csv(run.tables / "table1.csv").query("metric == 'psnr'").set_index("method")
    assert lines.loc["theirs", "mean"] == pytest.approx(lines.loc["input_mean5", "mean"])
    assert run.record("bfr", "theirs").with_name("metrics.parquet") in table_inputs(run, "table1")
    assert truth_of(run).keys() == set(CLIPS)


def test_a_record_that_methods_names_is_a_row_too(record: Path, run: Run) -> None:
    entry = ResultsElsewhere(name="theirs", record=str(record))
    named = replace(run, config=replace(CONFIG, methods=(entry,)))
    assert "Published records" in write_run_table(named, "table1")
    write_run_table(named, "table1")
    lines = pd.read_csv(run.tables / "table1.csv")
    assert lines.query("method == 'theirs' and metric == 'psnr'")["clips"].item() == len(CLIPS)


def test_a_table_of_chosen_rows_leaves_the_scales_alone(run: Run) -> None:
    few = replace(run, config=replace(CONFIG, table1=("input", "input_mean5")))
    assert "table1_input_input_mean5.md" in write_run_table(few, "table1")
    assert not (run.tables / "table1.md").exists()


def test_the_commands_export_check_and_add(record, run, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(Run, "load", classmethod(lambda cls, folder: run))
    words = ["--run", "x", "--out", str(tmp_path / "out")]
    assert main(["results", "export", *words]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "input.json",
        "input_mean5.json",
    ]
    assert main(["results", "export", *words, "--methods", "nobody"]) == 2
    assert "found 'nobody', which has no scores" in capsys.readouterr().err
    good, bad = tmp_path / "out" / "input.json", tmp_path / "bad.json"
    bad.write_text(good.read_text().replace("20.0", "99.0", 1))
    assert main(["results", "check", str(good), "--run", "x"]) == 0
    assert main(["results", "check", str(good), str(bad)]) == 1
    said = capsys.readouterr().out
    assert f"good   {good}: " in said
    assert f"WRONG  {bad}: is not as it was written" in said
    assert main(["results", "add", str(record), "--run", "x", "--name", "theirs"]) == 0
    assert main(["results", "export"]) == 2
    assert "expected --run RUN, or --scores FOLDER" in capsys.readouterr().err


def test_what_score_wrote_is_exported_too(run: Run, tmp_path: Path) -> None:
    scores_of(tmp_path / "mine" / "results" / "a", "My <best>", 25)
    (found,) = records_of_scores(tmp_path / "mine", run.truth)
    assert (found.method, found.label) == ("my_best", "My <best>")
    with pytest.raises(MetricError, match="found no scores"):
        records_of_scores(tmp_path / "nothing", run.truth).__next__()


def test_two_runs_are_compared_row_by_row_with_what_differs(run: Run, tmp_path: Path) -> None:
    raw = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    a = replace(run, raw=raw)
    b = made(tmp_path / "b", level=21, raw={**raw, "seed": 7})
    index = {"weights": {"W.pth": "34"}}
    (b.folder / "bfr" / "input_mean5" / "index.json").write_text(json.dumps(index))
    table = compare(a, b)
    psnr = table.differences[table.differences.metric == "psnr"].set_index("method_a")
    assert psnr.loc["input_mean5 B", "mean"] == pytest.approx(1)
    assert psnr.loc["input_mean5 B", "method_b"] == "input_mean5 A"
    assert what_differs(a, b) == ["setting seed: 0 → 7", "weights of input_mean5 (W.pth): 12 → 34"]
    assert what_differs(a, a) == []
    frames = np.zeros((3, 16, 16, 3), np.uint8)
    write_clip(b.folder / "clips" / "test" / f"{CLIPS[0]}.mkv", frames, 25)
    with pytest.raises(MetricError, match=f"same test clips: other frames in {CLIPS[0]}"):
        compare(a, b)
