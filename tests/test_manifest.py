"""The manifest says where a result comes from, and nothing about whose machine it was."""

import getpass
import json
import platform
import subprocess
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from dicface.errors import DicfaceError
from dicface.report.manifest import code_version, config_digest, run_manifest, write_sidecar

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "results" / "demo"
    (folder / "clips").mkdir(parents=True)
    (folder / "clips" / "a.mkv").write_bytes(b"clip")
    weights = tmp_path / "elsewhere" / "codeformer.pth"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    return folder, weights


def manifest_of(folder: Path, weights: Path) -> dict:
    return run_manifest(
        run_folder=folder,
        config={"scale": "demo", "folders": [str(folder / "clips"), str(weights.parent)]},
        command=["dicface", "table", f"--out={folder}/tables", str(weights), "seed=3"],
        seeds={"demo-0": 7},
        weights={"codeformer": weights},
        inputs=[folder / "clips" / "a.mkv"],
        started=MOMENT,
        ended=MOMENT,
        repository=folder,
    )


def test_manifest_holds_digests_versions_seeds_and_times(run):
    manifest = manifest_of(*run)
    digest = sha256(b"weights").hexdigest()
    assert manifest["weights"] == {"codeformer": {"file": "codeformer.pth", "sha256": digest}}
    assert manifest["inputs"] == {"clips/a.mkv": sha256(b"clip").hexdigest()}
    assert manifest["seeds"] == {"demo-0": 7}
    assert manifest["python"] == platform.python_version()
    assert manifest["packages"]["numpy"]
    assert manifest["started"] == manifest["ended"] == "2026-01-02T03:04:05+00:00"
    assert manifest["machine"]["cores"] >= 1
    assert manifest["machine"]["memory_gb"] > 0


def test_manifest_has_no_absolute_path_and_no_host_name(run):
    text = json.dumps(manifest_of(*run))
    assert str(run[0].parent) not in text
    assert str(run[1].parent) not in text
    assert "elsewhere" in text  # the folder's own name is kept, where it lies is not
    assert f'"{platform.node()}"' not in text
    assert f"/{getpass.getuser()}/" not in text
    assert manifest_of(*run)["command"] == [
        "dicface",
        "table",
        "--out=tables",
        "codeformer.pth",
        "seed=3",
    ]


def test_config_digest_ignores_the_order_of_keys():
    assert config_digest({"a": 1, "b": 2}) == config_digest({"b": 2, "a": 1})
    assert config_digest({"a": 1}) != config_digest({"a": 2})


def test_code_version_says_when_there_is_no_checkout(tmp_path):
    found = code_version(tmp_path)
    assert found == {"commit": None, "changed": None, "note": "not a git checkout with a commit"}


def test_code_version_tells_commit_and_changes(tmp_path):
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.run(
            [*command, *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "--quiet", "--message", "one")
    clean = code_version(tmp_path)
    assert clean == {"commit": git("rev-parse", "HEAD"), "changed": False, "note": ""}
    (tmp_path / "file").write_text("two")
    assert code_version(tmp_path)["changed"] is True
    (tmp_path / "site-packages").mkdir()
    assert code_version(tmp_path / "site-packages")["commit"] is None


def test_sidecar_stands_beside_its_artefact_with_its_digest(run):
    artefact = run[0] / "table1.csv"
    artefact.write_text("numbers\n")
    path = write_sidecar(artefact, manifest_of(*run))
    assert path == run[0] / "table1.csv.manifest.json"
    stored = json.loads(path.read_text())
    assert stored["artefact"] == {
        "file": "table1.csv",
        "sha256": sha256(b"numbers\n").hexdigest(),
        "bytes": 8,
    }
    assert stored["config_sha256"] == manifest_of(*run)["config_sha256"]


def test_a_missing_file_is_named_and_no_sidecar_is_left(run):
    with pytest.raises(DicfaceError, match=r"none\.csv: no such file"):
        write_sidecar(run[0] / "none.csv", {})
    assert not (run[0] / "none.csv.manifest.json").exists()
