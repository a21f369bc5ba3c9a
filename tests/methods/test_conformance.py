"""`dicface methods`: what every method must satisfy, the table of facts, a package from outside."""

import json
import os
import random
import subprocess
import sys
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import dicface.methods
from dicface.base.errors import WeightsError
from dicface.cli.main import main
from dicface.config.load import load
from dicface.methods import Method, MethodFacts
from dicface.methods.codeformer import SMALL
from dicface.methods.conformance import Subject, check
from dicface.methods.input import Input
from dicface.methods.listing import as_markdown, facts_table, short_source, weights_table
from dicface.methods.seeded import seeded, write_seeded_weights
from dicface.methods.skeleton import write_skeleton
from dicface.models import build
from dicface.models.checkpoint import save_weights
from dicface.report.run import declare
from dicface.report.run_rows import SEEDED_NOTE, fill_row
from dicface.runs.folder import Run
from dicface.weights import registry

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "tests" / "example_method"
BUILT_IN = tuple(dicface.methods.names())
FACTS = MethodFacts(name="third", label="Third", size=16, aligned=False, licence="MIT")


@dataclass(kw_only=True)
class Third(Method):
    """A method of another package that keeps the contract."""

    facts = FACTS

    def restore(self, frames, *, clip=""):
        for frame in frames:
            yield frame / 2


class Hoards(Third):
    def restore(self, frames, *, clip=""):
        yield from list(frames)


class HoardsArrays(Third):
    def restore(self, frames, *, clip=""):
        yield from map(torch.from_numpy, [frame.numpy().copy() for frame in frames])


class HoardsResults(Third):
    def restore(self, frames, *, clip=""):
        kept = []
        for frame in frames:
            kept.append(frame / 2)
            yield kept[-1]


class Shrinks(Third):
    def restore(self, frames, *, clip=""):
        for frame in frames:
            yield frame[:, ::2]


class Brightens(Third):
    def restore(self, frames, *, clip=""):
        for frame in frames:
            yield frame * 2


class Divides(Third):
    def restore(self, frames, *, clip=""):
        for frame in frames:
            yield frame / 0


class Overwrites(Third):
    def restore(self, frames, *, clip=""):
        for frame in frames:
            yield frame.mul_(0.5)


class Pairs(Third):
    def restore(self, frames, *, clip=""):
        frames = list(frames)
        for first, second in zip(frames[::2], frames[1::2], strict=len(frames) < 5):
            yield first
            yield second


class DropsPairs(Third):
    facts = replace(FACTS, window=0, chunk=2)

    def restore(self, frames, *, clip=""):
        remaining = iter(frames)
        for first in remaining:
            yield first
            for second in remaining:
                yield second
                break
            else:
                if clip:
                    yield first


class DrawsFromTorch(Third):
    def restore(self, frames, *, clip=""):
        for frame in frames:
            yield torch.rand_like(frame)


class DrawsFromNumpy(Third):
    def restore(self, frames, *, clip=""):
        for frame in frames:
            yield frame * np.random.random()


class DrawsFromPython(Third):
    def restore(self, frames, *, clip=""):
        for frame in frames:
            yield frame * random.random()


class LeaksMode(Third):
    def restore(self, frames, *, clip=""):
        with torch.inference_mode():
            for frame in frames:
                yield frame / 2


class NeedsGradients(Third):
    def restore(self, frames, *, clip=""):
        for frame in frames:
            x = frame.clone().requires_grad_()
            yield torch.autograd.grad((x**2).sum() / 2, x)[0] / 2


class Remembers(Third):
    seen = ()

    def restore(self, frames, *, clip=""):
        for frame in frames:
            self.seen = self.seen or (clip,)
            yield frame if self.seen == ("a",) else frame / 2


class Constant(Third):
    def restore(self, frames, *, clip=""):
        for frame in frames:
            yield torch.zeros_like(frame)


class LooksAhead(Third):
    facts = replace(FACTS, window=3)

    def restore(self, frames, *, clip=""):
        frames = list(frames)
        for frame in frames:
            yield (frame + frames[-1]) / 2


class LooksBothWays(Third):
    """Says that a frame stands alone, and mixes it with both neighbours."""

    def restore(self, frames, *, clip=""):
        before, now = None, None
        for after in frames:
            if now is not None:
                yield (now if before is None else before) / 4 + now / 2 + after / 4
            before, now = now, after
        if now is not None:
            yield (now if before is None else before) / 4 + 3 * now / 4


class LooksBackAtTheEnd(Third):
    """Keeps to its window but for the last frame of five and more, which sees the first."""

    facts = replace(FACTS, window=2)

    def restore(self, frames, *, clip=""):
        first = None
        for number, frame in enumerate(frames):
            first = frame if first is None else first
            yield (frame + first) / 2 if number == 5 else frame


class KeepsClips(Third):
    """Gives a clip's name what it gave it before."""

    def __post_init__(self):
        super().__post_init__()
        self.kept = {}

    def restore(self, frames, *, clip=""):
        for number, frame in enumerate(frames):
            yield self.kept.setdefault((clip, number), frame / 2)


class NeedsEven(Third):
    def restore(self, frames, *, clip=""):
        for number, frame in enumerate(frames):
            if number == 10:
                raise ValueError("eleven frames are too many")
            yield frame / 2


class Refuses(Third):
    def unavailable(self, *, size=None):
        return "needs a machine that nobody has"


class SaysNothing(Third):
    facts = replace(FACTS, licence="", window=0)


@pytest.fixture
def third(register_methods):
    """Registers a class as the method "third"."""
    return lambda kind: register_methods(third=f"{__name__}:{kind.__name__}")


@pytest.fixture
def installed(tmp_path, monkeypatch, fresh_registry):
    """The example package as an installer leaves it: its folder and its metadata on the path."""
    facts = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    info = tmp_path / f"{facts['name'].replace('-', '_')}-{facts['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {facts['name']}\nVersion: {facts['version']}\n")
    lines = [
        line
        for group, points in facts["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for folder in (tmp_path, EXAMPLE):
        monkeypatch.syspath_prepend(folder)
    return os.pathsep.join(map(str, (tmp_path, EXAMPLE, ROOT)))


def failed(name="third", **choices):
    return {result.check: result.detail for result in check(name, **choices) if not result.ok}


# Methods of the suite


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_methods_keep_the_contract(name):
    results = list(check(name, devices=["cpu"]))
    assert not [str(result) for result in results if not result.ok]
    assert {result.task for result in results} - {""} == set(
        dicface.methods.method(name).facts.tasks
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_methods_keep_the_contract_on_a_gpu(name):
    assert failed(name, tasks=["bfr"], devices=["cuda"]) == {}


def test_trained_weights_are_checked_at_the_side_they_were_trained_for(tmp_path):
    sizes = {"resolution": 32, "attn_resolutions": (16,), "connect_list": ("32",)}
    settings = {**SMALL, **sizes}
    network = build("codeformer", **settings)
    path = tmp_path / "weights.safetensors"
    save_weights(path, network.state_dict(), {"network": "codeformer", "settings": settings})
    results = list(check("codeformer_trained", weights=path, devices=["cpu"]))
    assert [result.ok for result in results] == [True] * len(results)
    assert "3×32×32" in results[1].detail


def test_examples_depend_on_their_names_alone_and_leave_global_seeds():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = (dicface.methods.method("gfpgan").example().network for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    sizes = {"channel_multiplier": 1, "narrow": 1 / 64, "style_dim": 8, "n_mlp": 2}
    other = seeded(lambda: type(first)(16, **sizes), "other")[0]
    pairs = zip(first.parameters(), second.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(a, b) and not torch.equal(a, c) for a, b, c in pairs)


# Methods from elsewhere


def test_a_good_method_passes_every_check(third):
    third(Third)
    results = list(check("third", devices=["cpu"]))
    assert [result.ok for result in results] == [True] * 9


@pytest.mark.parametrize(
    ("kind", "fails", "says"),
    [
        (Hoards, {"memory"}, "grows"),
        (HoardsArrays, {"memory"}, "grows"),
        (HoardsResults, {"memory"}, "grows"),
        (Shrinks, {"frames"}, r"frame 0 has the shape (3, 8, 16)"),
        (Brightens, {"frames"}, "values from"),
        (Divides, {"frames"}, "not finite"),
        (Overwrites, {"frames"}, "changed the frames"),
        (Pairs, {"frames"}, "gave 6 frames for 7"),
        (DropsPairs, {"frames"}, "more than the clip's 7"),
        (DrawsFromTorch, {"repeatable"}, "other global seeds"),
        (DrawsFromNumpy, {"repeatable"}, "other global seeds"),
        (DrawsFromPython, {"repeatable"}, "other global seeds"),
        (LeaksMode, {"inference_mode"}, "leaves its own mode"),
        (NeedsGradients, {"inference_mode"}, "raised RuntimeError"),
        (Remembers, {"order"}, "clip 'a' after clip 'b'"),
        (Constant, {"order"}, "two different clips"),
        (LooksAhead, {"reach", "memory"}, "further away than the stated 3"),
        (LooksBothWays, {"reach"}, "frame 0 depends on frames 0 to 1, one further away than"),
        (LooksBackAtTheEnd, {"reach"}, "frame 5 depends on frames 0 to 5"),
        (KeepsClips, {"order"}, "gives other frames of the same clip's name what it keeps"),
        (NeedsEven, {"lengths"}, "test_conformance.py:"),
        (Refuses, {"frames"}, "a machine that nobody has"),
        (SaysNothing, {"facts"}, "licence"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_each_fault_is_found_and_named(third, kind, fails, says):
    third(kind)
    found = failed(devices=["cpu"])
    assert fails <= set(found), found
    assert says in found[min(fails - {"memory"} or fails)]


def test_a_method_that_cannot_run_is_not_asked_again(third):
    third(Refuses)
    assert [result.check for result in check("third", devices=["cpu"])] == ["facts", "frames"]


def test_clips_are_what_the_task_gives():
    def frame(task, index=1):
        return Subject(method=Input, task=task, device="cpu", given_side=16).frame("a", index)

    grey, holed, plain = map(frame, ("colorization", "inpainting", "bfr"))
    assert torch.equal(grey[0], grey[2])
    assert not torch.equal(plain[0], plain[2])
    assert (holed == 1).all(0).sum() == 16
    assert not (plain == 1).all(0).any()
    assert not torch.equal(plain, frame("bfr", 2))


def test_a_package_from_outside_is_listed_and_checked_by_the_command(installed):
    env = {**os.environ, "PYTHONPATH": installed}
    command = [sys.executable, "-m", "dicface.cli", "methods"]
    done = subprocess.run(
        [*command, "check", "temporal_median"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("temporal_median: all checks passed\n")


def test_the_example_restores_and_has_settings(installed):
    method = dicface.methods.create("temporal_median", reach=1)
    noisy = [torch.full((3, 4, 4), value) for value in (0.1, 0.9, 0.2, 0.3)]
    assert [frame.mean().item() for frame in method.restore(iter(noisy))] == pytest.approx(
        [0.1, 0.2, 0.3, 0.3]
    )
    wide = dicface.methods.create("temporal_median", reach=3)
    assert len(list(wide.restore(iter(noisy[:1])))) == 1
    assert list(wide.restore(iter([]))) == []


def test_the_documentation_shows_the_example_as_it_is():
    text = (ROOT / "docs" / "add-a-method.md").read_text()
    for file in ("pyproject.toml", "temporal_median/method.py"):
        assert (EXAMPLE / file).read_text().strip() in text, f"{file} differs"


def test_a_new_method_is_the_example_under_its_own_name(tmp_path, monkeypatch, capsys):
    write_skeleton("temporal_median", tmp_path / "same")
    for file in EXAMPLE.rglob("*.[pt][yo]*"):
        if "__pycache__" not in file.parts:
            assert (tmp_path / "same" / file.relative_to(EXAMPLE)).read_text() == file.read_text()
    monkeypatch.chdir(tmp_path)
    assert main(["methods", "new", "my_method"]) == 0
    assert "pip install --no-deps --editable my_method" in capsys.readouterr().out
    said = Path("my_method", "my_method", "method.py").read_text()
    assert 'name="my_method"' in said
    assert "class MyMethod(Method)" in said
    facts = tomllib.loads(Path("my_method", "pyproject.toml").read_text())["project"]
    assert facts["entry-points"]["dicface.methods"] == {"my_method": "my_method.method:MyMethod"}
    # pip adds nothing to the environment of the suite, even where its --no-deps is forgotten.
    assert facts["dependencies"] == []


def test_a_new_method_passes_the_check(tmp_path, monkeypatch, register_methods):
    write_skeleton("fresh_method", tmp_path / "new")
    monkeypatch.syspath_prepend(tmp_path / "new")
    register_methods(fresh_method="fresh_method.method:FreshMethod")
    assert failed("fresh_method", devices=["cpu"]) == {}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Mine", "found the name 'Mine'; expected lower-case letters"),
        ("class", "no word or module of Python's"),
        ("json", "no word or module of Python's"),
        ("gpen", "there is a method 'gpen' already"),
        ("there", "there: exists already, and nothing in it was changed"),
    ],
)
def test_a_name_that_cannot_be_and_a_folder_that_exists_are_refused(
    tmp_path, monkeypatch, capsys, name, says
):
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    assert main(["methods", "new", name]) == 2
    assert says in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


# The commands


def test_the_command_fails_with_one_where_a_check_fails(third, capsys):
    third(Hoards)
    assert main(["methods", "check", "third", "--device", "cpu", "--task", "bfr"]) == 1
    assert "FAIL" in (out := capsys.readouterr().out)
    assert out.endswith("third: 1 of 9 checks failed\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no method is named 'nothing'"),
        (["input", "--task", "dubbing"], "does not do the task 'dubbing'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, capsys):
    assert main(["methods", "check", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_the_list_names_every_method_and_needs_no_torch(tmp_path):
    code = (
        "import sys; from dicface.cli.main import main; main(['methods', 'list']); "
        "sys.exit('torch' in sys.modules)"
    )
    env = {**os.environ, "DICFACE_WEIGHTS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    for name in BUILT_IN:
        assert f"\n{name} " in f"\n{done.stdout}"
    assert "GFPGANv1.4.pth" in done.stdout
    assert "missing" in done.stdout


def test_the_list_shows_a_broken_package_with_its_reason_and_all_others(register_methods, capsys):
    register_methods(broken="no_such_package:Method", third=f"{__name__}:Third")
    assert main(["methods", "list"]) == 0
    out = capsys.readouterr().out
    for name in (*BUILT_IN, "third"):
        assert f"\n{name} " in f"\n{out}"
    (line,) = (line for line in out.splitlines() if line.startswith("broken "))
    assert "cannot be imported" in line
    assert "no_such_package" in line
    assert "Repair or remove the package" in line


def test_the_list_says_what_to_do_where_the_suite_is_not_installed(register_methods, capsys):
    register_methods(alone=True)
    assert main(["methods", "list"]) == 0
    out = capsys.readouterr().out
    assert "\ninput " in f"\n{out}"
    assert "systems in baselines/ are not registered" in out
    assert "pip install" in out


def test_the_documented_table_is_the_list():
    assert as_markdown(facts_table(BUILT_IN)) in (ROOT / "docs" / "baselines.md").read_text()


def test_every_method_of_the_suite_is_documented():
    text = (ROOT / "docs" / "baselines.md").read_text()
    pages = {path.stem for path in (ROOT / "docs" / "baselines").glob("*.md")}
    for name in pages:
        assert f"(baselines/{name}.md)" in text
    for name in BUILT_IN:
        assert dicface.methods.method(name).facts.label in text


def test_commits_are_cut_and_words_are_not():
    facts = replace(FACTS, source=f"a/b @ {'0123456789' * 4}; network of c/d @ {'f' * 40}")
    assert short_source(facts) == "a/b @ 01234567; network of c/d @ ffffffff"


# Seeded weights in the place of released ones


@pytest.fixture
def seeded_folder(tmp_path, monkeypatch):
    """A weights folder with seeded weights of the released size for one method, 25 MB."""
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    write_seeded_weights(dicface.methods.create("realbasicvsr"), tmp_path)
    return tmp_path


def test_seeded_weights_are_found_and_called_so(seeded_folder):
    method = dicface.methods.create("realbasicvsr")
    (path,) = method.weights_files()
    assert method.unavailable() is None
    assert registry.is_seeded(path)
    assert [row[-1] for row in weights_table(["realbasicvsr"])] == ["here", "seeded weights"]
    loaded = method.network.state_dict()
    again = seeded(method.build, "realbasicvsr", "bfr")[0].state_dict()
    assert all(torch.equal(loaded[key], tensor) for key, tensor in again.items())


def test_the_mark_holds_for_that_content_alone(seeded_folder):
    (path,) = dicface.methods.create("realbasicvsr").weights_files()
    before = path.stat().st_mtime_ns
    write_seeded_weights(dicface.methods.create("realbasicvsr"), seeded_folder)
    assert path.stat().st_mtime_ns == before  # what lies there is not replaced
    path.write_bytes(b"another file")
    assert not registry.is_seeded(path)
    with pytest.raises(WeightsError, match="sha256"):
        registry.find("realbasicvsr")


def test_the_table_says_so_in_the_row(seeded_folder):
    config = load(ROOT / "config" / "config.yaml")
    scores = seeded_folder / "bfr" / "realbasicvsr" / "metrics.parquet"
    scores.parent.mkdir(parents=True)
    scores.touch()
    spec = declare(config, "table1")
    (row,) = (row for row in spec.rows if row.method == "realbasicvsr")
    run = Run(config=config, raw={}, folder=seeded_folder, train_folder=seeded_folder)
    row = fill_row(run, row)
    assert row.label == "RealBasicVSR (seeded weights)"
    assert row.paper_name == "RealBasicVSR"
    assert row.notes == (SEEDED_NOTE,)


SEEDED_TABLE = os.environ.get("DICFACE_SEEDED_TABLE", "")


@pytest.mark.slow
@pytest.mark.skipif(
    not SEEDED_TABLE,
    reason="writes 2 GB and takes minutes; DICFACE_SEEDED_TABLE=1, or names joined by commas",
)
def test_table_1_fills_every_row_on_seeded_weights(tmp_path):
    """Two rendered clips of 512 px, released systems at their full size, the whole workflow."""
    systems = [name for name, facts in _facts().items() if facts.weights and name != "pgdiff"]
    chosen = systems if SEEDED_TABLE == "1" else SEEDED_TABLE.split(",")
    weights = tmp_path / "weights"
    for name in chosen:
        write_seeded_weights(dicface.methods.create(name), weights)
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        f"table1: {json.dumps(['input', *chosen])}\n"
        "data: {size: 512, test: {num_clips: 2, num_frames: 3, photo: false}}\n"
        'model: {transformer: {connect_list: ["128", "256"]}}\n'
    )
    # In a process of its own, which Snakemake replaces.
    ran = subprocess.run(
        [sys.executable, "-m", "dicface.cli", "run", "table1", "--config", overlay],
        cwd=tmp_path,
        env={**os.environ, "DICFACE_WEIGHTS": str(weights), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    (written,) = (tmp_path / "results" / "demo" / "tables").glob("table1_*.tex")
    rows = pd.read_csv(written.with_suffix(".csv")).query("metric == 'psnr'")
    filled = rows[rows["clips"] == 2]["method"]
    assert sorted(filled) == sorted(["input", *chosen])
    text = " ".join(written.with_suffix(".md").read_text().split())
    assert SEEDED_NOTE in text
    for name in chosen:
        assert f"{_facts()[name].label} (seeded weights)" in text


def _facts():
    return {name: dicface.methods.method(name).facts for name in BUILT_IN}
