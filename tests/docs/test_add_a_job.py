"""`docs/add-a-job.md`, followed to the letter: one file and one line make a rule and a command."""

import json
from pathlib import Path

import numpy as np
import yaml

from dicface.provenance.manifest import read_manifest, sidecar
from dicface.runs.folder import CONFIG_FILE, Run
from dicface.video.clips import write_clip
from tests.docs._checkout import ROOT, Checkout, code_blocks


def test_the_example_is_a_rule_and_a_command(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    (code,) = code_blocks("add-a-job.md")
    (checkout.folder / "dicface/jobs/brightness.py").write_text(code)
    listed = "dicface/jobs/__init__.py"
    importing = "from dicface.jobs.analyse_truth import AnalyseTruth"
    checkout.add_line(listed, importing, "from dicface.jobs.brightness import Brightness")
    checkout.add_line(listed, "        Score,", "        Brightness,")

    raw = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    run = Run.of(raw | {"results": str(tmp_path / "results")})
    run.write_settings()
    inputs = run.inputs("bfr")
    write_clip(inputs / "a.mkv", np.full((2, 16, 16, 3), 100, np.uint8), 25)
    (inputs / "degradation.parquet").touch()

    wanted = run.results("bfr", "input").folder / "brightness.json"
    planned = checkout.run(
        *("-m", "snakemake", "-n", wanted, "--config", f"results={tmp_path / 'results'}")
    )
    assert "rule brightness:" in planned.stdout, planned.stdout + planned.stderr

    words = ("-m", "dicface.cli", "job", "brightness", "--run", run.folder)
    done = checkout.run(*words, "--task", "bfr", "--method", "input")
    assert done.returncode == 0, done.stderr
    assert json.loads(wanted.read_text()) == {"a": 100.0}
    manifest = read_manifest(sidecar(wanted))
    assert list(manifest["inputs"]) == ["bfr/input/a.mkv"]
    assert manifest["settings"] == {"algorithm": 1}
    assert (run.folder / CONFIG_FILE).is_file()
