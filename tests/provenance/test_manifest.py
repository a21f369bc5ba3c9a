"""A manifest says where an artefact comes from, and nothing about whose machine it was."""

import getpass
import json
import os
import platform
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from dicface import __version__
from dicface.base.errors import DicfaceError
from dicface.provenance.manifest import (
    CARD_MARK,
    RUN_CONFIG,
    Artefact,
    code_version,
    digest,
    manifests_below,
    read_manifest,
    recorded,
    settings_digest,
    sidecar,
    write_run_manifest,
)


@dataclass(frozen=True)
class Settings:
    size: int
    folder: str


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "results" / "demo-mine"
    (folder / "clips").mkdir(parents=True)
    (folder / RUN_CONFIG).write_text("scale: demo\n")
    (folder / "clips" / "a.mkv").write_bytes(b"clip")
    for path, content in (("results/demo/train/w.safetensors", b"net"), ("videos/a.mp4", b"own")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(content)
    return folder


def artefact(run: Path, **more) -> Artefact:
    home = run.parents[1]
    inputs = {
        "clips": [run / "clips" / "a.mkv", run / "clips" / "not_there.mkv"],
        "weights": [run.parent / "demo" / "train" / "w.safetensors"],
        "source": [home / "videos" / "a.mp4"],
    }
    return Artefact(
        path=run / "out" / "index.json",
        kind="restored",
        inputs=inputs,
        outputs=lambda: [run / "out" / "index.json", run / "out" / "b.mkv"],
        settings={"a": Settings(size=3, folder=str(home / "videos")), "b": [str(run / "clips")]},
        seeds=["demo-0|<clip>"],
        **more,
    )


def make(run: Path, **more) -> dict:
    words = ["dicface", "restore", f"--out={run}/out", str(run.parents[1] / "videos"), "seed=3"]
    with recorded(artefact(run, **more), words, repository=run):
        (run / "out").mkdir(exist_ok=True)
        (run / "out" / "index.json").write_text("{}")
        (run / "out" / "b.mkv").write_bytes(b"made")
    return read_manifest(sidecar(run / "out" / "index.json"))


def facts(content: bytes) -> dict:
    return {"sha256": sha256(content).hexdigest(), "bytes": len(content)}


def test_a_manifest_holds_files_with_digests_versions_seeds_and_times(run):
    manifest = make(run)
    assert manifest["inputs"] == {
        "clips/a.mkv": facts(b"clip"),
        "../demo/train/w.safetensors": facts(b"net"),
    }
    assert manifest["outside"] == {"source/a.mp4": facts(b"own")}
    assert manifest["outputs"] == {"out/index.json": facts(b"{}"), "out/b.mkv": facts(b"made")}
    assert manifest["artefact"] == {"file": "index.json", **facts(b"{}")}
    assert manifest["root"] == ".."
    assert manifest["seeds"] == ["demo-0|<clip>"]
    assert manifest["code"] == {
        "version": __version__,
        "commit": None,
        "changed": None,
        "note": "not a git checkout with a commit",
    }
    assert manifest["python"] == platform.python_version()
    assert manifest["packages"]["numpy"]
    assert manifest["machine"]["cores"] >= 1
    assert manifest["started"] <= manifest["ended"]
    assert manifest["started"].endswith("+00:00")


def test_a_manifest_has_no_absolute_path_and_no_host_name(run):
    manifest = make(run)
    text = json.dumps(manifest)
    assert str(run.parents[1]) not in text
    assert f'"{platform.node()}"' not in text
    assert f"/{getpass.getuser()}/" not in text
    assert manifest["command"] == ["dicface", "restore", "--out=out", "videos", "seed=3"]
    assert manifest["settings"] == {"a": {"size": 3, "folder": "videos"}, "b": ["clips"]}


def test_outside_a_run_paths_do_not_leave_the_folder_of_the_artefact(run):
    (run / RUN_CONFIG).unlink()
    manifest = make(run)
    assert manifest["root"] == "."
    assert not manifest["inputs"]
    assert sorted(manifest["outside"]) == ["clips/a.mkv", "source/a.mp4", "weights/w.safetensors"]
    assert sorted(manifest["outputs"]) == ["b.mkv", "index.json"]


def test_inputs_are_those_from_before_the_work(run):
    with recorded(artefact(run), ["dicface"]):
        (run / "out").mkdir()
        for name in ("index.json", "b.mkv"):
            (run / "out" / name).write_bytes(b"made")
        (run / "clips" / "a.mkv").write_bytes(b"another")
    manifest = read_manifest(sidecar(run / "out" / "index.json"))
    assert manifest["inputs"]["clips/a.mkv"] == facts(b"clip")


def test_outputs_of_an_earlier_call_say_so(run):
    make(run)
    kept = run / "out" / "b.mkv"
    os.utime(kept, (kept.stat().st_atime, kept.stat().st_mtime - 100))
    with recorded(artefact(run), ["dicface"]):
        (run / "out" / "index.json").write_text("{}")
    outputs = read_manifest(sidecar(run / "out" / "index.json"))["outputs"]
    assert outputs == {
        "out/b.mkv": {**facts(b"made"), "kept": True},
        "out/index.json": facts(b"{}"),
    }


def test_nothing_is_written_when_the_work_fails_or_an_output_is_missing(run):
    with pytest.raises(ValueError, match="broke"), recorded(artefact(run), ["dicface"]):
        raise ValueError("broke")
    with (
        pytest.raises(DicfaceError, match=r"index\.json: no such file"),
        recorded(artefact(run), ["dicface"]),
    ):
        pass
    assert manifests_below(run) == []


def test_a_card_is_written_but_never_over_a_readme_of_the_users(run):
    seen = []
    make(run, card=lambda manifest: seen.append(manifest["kind"]) or "# Card\n")
    card = run / "out" / "README.md"
    assert card.read_text() == f"{CARD_MARK}\n# Card\n"
    assert seen == ["restored"]
    make(run, card=lambda manifest: "# Newer\n")
    assert "# Newer" in card.read_text()
    card.write_text("mine\n")
    make(run, card=lambda manifest: "# Card\n")
    assert card.read_text() == "mine\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "found \\[\\]; expected .*a manifest"),
        (
            '{"artefact": {}}',
            "lacks format, artefact.sha256, artefact.bytes, root, command",
        ),
    ],
)
def test_a_damaged_manifest_is_named(run, text, said):
    path = run / "x.manifest.json"
    path.write_text(text)
    with pytest.raises(DicfaceError, match=said) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)


def test_another_format_is_refused(run):
    make(run)
    path = sidecar(run / "out" / "index.json")
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(DicfaceError, match="has the format 2; expected format 1"):
        read_manifest(path)


def test_the_run_manifest_lists_every_artefact_with_the_digest_of_its_manifest(run):
    make(run)
    listed = json.loads(write_run_manifest(run).read_text())
    path = sidecar(run / "out" / "index.json")
    assert listed["run"] == "demo-mine"
    assert listed["artefacts"] == {
        "out/index.json": {
            "kind": "restored",
            "sha256": facts(b"{}")["sha256"],
            "manifest_sha256": digest(path)[0],
        }
    }


def test_nothing_is_made_from_what_is_no_longer_what_was_written(run):
    make(run)
    clip = run / "out" / "b.mkv"
    made = Artefact(
        path=run / "scores" / "metrics.parquet",
        kind="scores",
        inputs={"restored": [clip]},
        outputs=lambda: [],
        settings={},
    )
    clip.write_bytes(b"other")
    (run / "out" / "index.json").unlink()
    with (
        pytest.raises(DicfaceError, match=r"b\.mkv: is no longer what was written .*`dicface res"),
        recorded(made, ["dicface", "score"], repository=run),
    ):
        pytest.fail("the work is not done")
    clip.rename(run / "out" / "c.mkv")
    made.inputs["restored"][0] = run / "out" / "c.mkv"
    with (
        pytest.raises(DicfaceError, match=r"b\.mkv: is gone, or no file any more"),
        recorded(made, ["dicface", "score"], repository=run),
    ):
        pytest.fail("the work is not done")


def test_a_folder_of_frames_has_one_digest(tmp_path):
    for name in ("b.png", "a.png", ".hidden"):
        (tmp_path / name).write_bytes(name.encode())
    before = digest(tmp_path)
    assert before[1] == 10
    (tmp_path / ".hidden").write_bytes(b"other")
    assert digest(tmp_path) == before
    (tmp_path / "a.png").rename(tmp_path / "c.png")
    assert digest(tmp_path)[0] != before[0]


def test_settings_digest_ignores_the_order_of_keys():
    assert settings_digest({"a": 1, "b": 2}) == settings_digest({"b": 2, "a": 1})
    assert settings_digest({"a": 1}) != settings_digest({"a": 2})


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
