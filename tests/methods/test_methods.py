"""The registry of methods, their facts, and the weights they run on."""

import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata

import pytest
import torch
from safetensors.torch import save_file

import dicface.methods
from dicface.base.errors import MethodError, WeightsError
from dicface.methods import Method, MethodFacts
from dicface.models import build
from dicface.models.checkpoint import save_weights
from dicface.weights import registry
from dicface.weights.load import load_into, looks_like, read_state

TABLE_1 = (
    "input gpen gfpgan codeformer realbasicvsr basicvsrpp pgtformer keep dicface "
    "codeformer_trained dicface_trained"
).split()
TINY = {
    "resolution": 16,
    "nf": 8,
    "ch_mult": (1, 2),
    "num_res_blocks": 1,
    "attn_resolutions": (8,),
    "norm_groups": 4,
    "codebook_size": 16,
    "emb_dim": 8,
    "dim_embd": 16,
    "n_head": 2,
    "n_layers": 1,
    "dim_mlp": 16,
    "connect_list": ("16",),
}


@dataclass(kw_only=True)
class Negative(Method):
    """A method of another package."""

    strength: float = 1.0

    facts = MethodFacts(name="negative", label="Negative", size=None, aligned=False)

    def restore(self, frames, *, clip=""):
        for frame in frames:
            yield 1 - self.strength * frame


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    """A machine without any released file."""
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def third_party(monkeypatch):
    """Lets another package register methods; returns a function that names them."""

    def register(**targets):
        points = [metadata.EntryPoint(n, t, dicface.methods.GROUP) for n, t in targets.items()]

        def entry_points(*, group):
            return points if group == dicface.methods.GROUP else []

        monkeypatch.setattr(metadata, "entry_points", entry_points)

    return register


def test_importing_the_registry_imports_no_torch():
    code = "import sys, baselines; dicface.methods.names(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_facts_of_the_suites_own_methods_need_no_torch():
    code = (
        "import sys, baselines\n"
        "for n in 'input codeformer dicface codeformer_trained dicface_trained'.split():\n"
        "    dicface.methods.unavailable(n)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_built_in_methods_come_in_table_order():
    assert list(dicface.methods.names())[: len(TABLE_1)] == TABLE_1


@pytest.mark.parametrize("name", TABLE_1)
def test_facts_are_complete_and_point_into_the_weights_registry(name):
    facts = dicface.methods.method(name).facts
    assert facts.name == name
    assert facts.label
    assert facts.licence
    assert facts.notes
    assert set(facts.tasks) <= set(dicface.methods.TASKS)
    assert set(facts.weights) in (set(), set(facts.tasks))
    for names in facts.weights.values():
        for weights in names:
            registry.entry(weights)


@pytest.mark.parametrize("name", TABLE_1)
def test_a_released_system_without_weights_names_the_file_its_size_and_digest(name, no_weights):
    reason = dicface.methods.unavailable(name)
    if name == "input" or name.endswith("_trained"):
        assert reason is None
        return
    for weights in dicface.methods.method(name).facts.weights["bfr"]:
        known = registry.entry(weights)
        assert known.file in reason
        assert known.size in reason
        assert (known.sha256 or "sha256 not published") in reason
        assert known.url in reason


def test_a_file_with_another_digest_is_the_reason(no_weights, monkeypatch, tmp_path):
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    (tmp_path / "codeformer.pth").write_bytes(b"something else")
    assert "sha256" in dicface.methods.unavailable("codeformer")


def test_a_trained_method_without_weights_says_so_and_refuses_to_run():
    method = dicface.methods.create("dicface_trained")
    assert method.unavailable() == "no trained weights were given"
    with pytest.raises(MethodError, match="no trained weights"):
        list(method.restore([torch.zeros(3, 16, 16)]))


def test_a_released_network_names_size_and_file_at_once(no_weights):
    method, known = dicface.methods.create("codeformer"), registry.entry("codeformer")
    reason = method.unavailable(size=64)
    for part in ("needs 512×512 frames, these are 64×64", known.file, known.size, known.command):
        assert part in reason
    assert reason.endswith(method.unavailable(size=512))


def test_with_its_file_at_hand_the_size_alone_is_the_reason(tmp_path):
    (tmp_path / "weights.pth").touch()
    method = dicface.methods.create("codeformer", weights=tmp_path / "weights.pth")
    assert method.unavailable(size=64) == "needs 512×512 frames, these are 64×64"
    assert method.unavailable(size=512) is None


def test_methods_are_found_by_task():
    table_2 = {"gpen", "codeformer", "pgdiff", "dicface"}
    for task in ("inpainting", "colorization"):
        found = set(dicface.methods.methods_for(task))
        assert found == table_2 | {"input", "dicface_trained"}
        for name in table_2:
            assert dicface.methods.method(name).facts.weights[task]
    assert set(TABLE_1) < set(dicface.methods.methods_for("bfr"))
    with pytest.raises(MethodError, match="no task is named 'dubbing'.*inpainting"):
        dicface.methods.methods_for("dubbing")


def test_unknown_names_settings_and_tasks_are_named():
    with pytest.raises(MethodError, match="no method is named 'gan'.*codeformer"):
        dicface.methods.create("gan")
    with pytest.raises(MethodError, match="no setting 'weight'.*fidelity_w"):
        dicface.methods.create("codeformer", weight=1)
    with pytest.raises(MethodError, match="cannot do the task 'inpainting'"):
        dicface.methods.create("keep", task="inpainting")


def test_another_package_adds_a_method(third_party):
    third_party(negative=f"{__name__}:Negative")
    assert dicface.methods.names()[-1] == "negative"
    method = dicface.methods.create("negative", strength=0.5)
    (frame,) = method.restore(iter([torch.ones(3, 4, 4)]), clip="a")
    assert torch.equal(frame, torch.full((3, 4, 4), 0.5))
    assert method.unavailable(size=99) is None
    assert method.fingerprint()["settings"] == {"task": "bfr", "strength": 0.5}


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"keep": f"{__name__}:Negative"}, "'keep' is claimed twice"),
        ({"broken": "no_such_package:Method"}, "cannot be imported.*no_such_package"),
        ({"text": f"{__name__}:TABLE_1"}, "expected a class"),
        ({"other": f"{__name__}:Negative"}, "calls itself 'negative'"),
    ],
)
def test_a_wrong_registration_is_named(third_party, targets, message):
    third_party(**targets)
    with pytest.raises(MethodError, match=message):
        dicface.methods.method(next(iter(targets)))


# CodeFormer's three releases; parameters and keys as in their files.
CODEFORMER = {
    "bfr": (94_112_707, 1024, {"32", "64", "128", "256"}, 0.5, True),
    "inpainting": (92_652_867, 512, {"32", "64", "128"}, 1.0, False),
    "colorization": (93_046_083, 1024, {"32", "64", "128"}, 0.0, True),
}


@pytest.mark.parametrize("task", CODEFORMER)
def test_codeformer_has_the_network_and_settings_of_the_task(task):
    num_params, codes, skips, fidelity_w, adain = CODEFORMER[task]
    method = dicface.methods.create("codeformer", task=task)
    assert (method.fidelity_w, method.adain) == (fidelity_w, adain)
    with torch.device("meta"):
        network = method.build()
    assert sum(parameter.numel() for parameter in network.parameters()) == num_params
    assert network.quantize.embedding.weight.shape == (codes, 256)
    assert set(network.fuse_convs_dict) == skips
    chosen = dicface.methods.create("codeformer", task=task, fidelity_w=0.25, adain=not adain)
    assert (chosen.fidelity_w, chosen.adain) == (0.25, not adain)


def test_codeformer_paints_white_pixels_only():
    frame = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.9
    frame[:, 2:7, 3:9] = 1
    frame[0, 10, 10] = 1  # one channel of three is no white
    method = dicface.methods.method("codeformer").example(task="inpainting")
    (restored,) = method.restore(iter([frame]), clip="a")
    missing = (frame == 1).all(0)
    assert missing.sum() == 30
    assert torch.equal(restored[:, ~missing], frame[:, ~missing])
    assert (restored[:, missing] < 1).any()
    (whole,) = method.restore(iter([frame.where(~missing, torch.tensor(0.5))]), clip="a")
    assert (whole == frame.where(~missing, torch.tensor(0.5))).all()


def _write(path, tensors):
    if path.suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    else:
        torch.save({"params_ema": tensors, "params": {}}, path)
    return path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_released_weights_load_whole(tmp_path, suffix):
    source, target = build("dicface", **TINY), build("dicface", **TINY)
    load_into(target, _write(tmp_path / f"w{suffix}", source.state_dict()), label="DicFace")
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor)


def test_weights_of_another_network_are_described(tmp_path):
    path = _write(tmp_path / "w.pth", build("codeformer", **TINY).state_dict())
    with pytest.raises(WeightsError) as raised:
        load_into(build("dicface", **TINY), path, label="DicFace")
    message = str(raised.value)
    assert str(path) in message
    assert "missing" in message
    assert "dir_dist_layers" in message or "multiscale" in message
    assert "looks like CodeFormer" in message


def test_weights_of_another_size_leave_the_network_as_it_was(tmp_path):
    wide, network = build("codeformer", **TINY | {"dim_embd": 32}), build("codeformer", **TINY)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(WeightsError, match=r"other shapes.*\(32,.*\(16,"):
        load_into(network, _write(tmp_path / "w.pth", wide.state_dict()), label="CodeFormer")
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_weights_are_named(tmp_path, suffix):
    path = _write(tmp_path / f"w{suffix}", build("vqgan", **_only_vqgan()).state_dict())
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=f"{path.name}: "):
        read_state(path)


def test_a_pickle_that_holds_more_than_tensors_is_refused(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"params_ema": subprocess.run}, path)
    with pytest.raises(WeightsError, match="would run code"):
        read_state(path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(WeightsError, match="dictionary with epoch"):
        read_state(path)


def test_every_released_kind_is_recognised():
    assert looks_like({"kalman_filter.x": torch.zeros(1)}).startswith("KEEP")
    assert looks_like({"a": torch.zeros(1)}).startswith("an unknown network")


@pytest.mark.parametrize("name", ["codeformer", "dicface"])
def test_trained_weights_restore_at_the_size_they_were_trained_for(tmp_path, name):
    torch.manual_seed(0)
    network = build(name, **TINY)
    path = tmp_path / "model.safetensors"
    save_weights(path, network.state_dict(), {"network": name, "settings": TINY})
    method = dicface.methods.create(f"{name}_trained", weights=path)
    frames = list(torch.rand(3, 3, 16, 16))
    restored = list(method.restore(iter(frames), clip="a"))
    assert [tuple(frame.shape) for frame in restored] == [(3, 16, 16)] * 3
    assert all(frame.min() >= 0 and frame.max() <= 1 for frame in restored)
    assert not any(frame.requires_grad for frame in restored)
    with torch.no_grad():
        x = torch.stack(frames) * 2 - 1
        if name == "codeformer":
            expected = network.eval()(x, w=1.0)[0]
            assert torch.allclose(torch.stack(restored), (expected.clamp(-1, 1) + 1) / 2, atol=1e-5)
    assert method.fingerprint()["weights"].keys() == {"model.safetensors"}


def test_trained_weights_of_the_other_network_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    facts = {"network": "codeformer", "settings": TINY}
    save_weights(path, build("codeformer", **TINY).state_dict(), facts)
    method = dicface.methods.create("dicface_trained", weights=path)
    with pytest.raises(WeightsError, match="holds the network 'codeformer', expected 'dicface'"):
        next(method.restore(iter([torch.zeros(3, 16, 16)])))


def _only_vqgan():
    names = {"dim_embd", "n_head", "n_layers", "dim_mlp", "connect_list"}
    return {name: value for name, value in TINY.items() if name not in names}
