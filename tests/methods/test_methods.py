"""The registry of methods, their facts, and the weights they run on."""

import subprocess
import sys

import pytest
import torch

import dicface.methods
from dicface.base.errors import MethodError
from dicface.methods.method import ADDED
from dicface.weights import registry

ANOTHER = "tests.methods.another_package"
TABLE_1 = (
    "input gpen gfpgan codeformer realbasicvsr basicvsrpp pgtformer keep dicface "
    "dicface_as_released codeformer_trained dicface_trained"
).split()
ALL = (*TABLE_1, "pgdiff", "codeformer_demo")


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    """A machine without any released file."""
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)


def test_importing_the_registry_imports_no_torch():
    code = "import sys, dicface.methods; dicface.methods.names(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_facts_of_the_suites_own_methods_need_no_torch():
    code = (
        "import sys, dicface.methods\n"
        "for n in dicface.methods.names():\n"
        "    dicface.methods.unavailable(n)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_methods_come_in_the_papers_order_then_those_of_others_by_alphabet(register_methods):
    assert dicface.methods.names() == ALL
    # None is imported for it: these two could not be.
    register_methods(zoom="no_such_package:Zoom", anime="no_such_package:Anime")
    assert dicface.methods.names() == (*ALL, "anime", "zoom")


@pytest.mark.parametrize("name", ALL)
def test_facts_are_complete_and_point_into_the_weights_registry(name):
    facts = dicface.methods.method(name).facts
    assert facts.name == name
    assert facts.label
    assert facts.licence
    assert facts.notes
    assert (facts.group == ADDED) == (name == "codeformer_demo")
    assert (facts.paper_name in facts.label) if facts.paper_name else name == "input"
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
    table_2 = {"gpen", "codeformer", "pgdiff", "dicface", "dicface_as_released"}
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


def test_another_package_adds_a_method(register_methods):
    register_methods(negative=f"{ANOTHER}:Negative")
    assert dicface.methods.names()[-1] == "negative"
    facts = dicface.methods.method("negative").facts
    assert (facts.group, facts.paper_name) == (ADDED, "")
    method = dicface.methods.create("negative", strength=0.5)
    (frame,) = method.restore(iter([torch.ones(3, 4, 4)]), clip="a")
    assert torch.equal(frame, torch.full((3, 4, 4), 0.5))
    assert method.unavailable(size=99) is None
    assert method.fingerprint()["settings"] == {"task": "bfr", "strength": 0.5}


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (
            {"keep": f"{ANOTHER}:Negative"},
            r"'keep' is claimed twice \(baselines.keep:Keep of dicface, .*another_package:Negative",
        ),
        (
            {"input": f"{ANOTHER}:Negative"},
            r"'input' is claimed twice \(dicface.methods.input:Input, .*another_package:Negative",
        ),
        ({"broken": "no_such_package:Method"}, "cannot be imported.*no_such_package"),
        ({"text": f"{ANOTHER}:TEXT"}, "expected a class"),
        ({"other": f"{ANOTHER}:Negative"}, "calls itself 'negative'"),
        ({"factless": f"{ANOTHER}:Factless"}, "states the facts None"),
    ],
)
def test_a_wrong_registration_is_named(register_methods, targets, message):
    register_methods(**targets)
    with pytest.raises(MethodError, match=message):
        dicface.methods.method(next(iter(targets)))


def test_a_wrong_registration_stops_no_other_method(register_methods):
    register_methods(
        keep=f"{ANOTHER}:Negative", broken="no_such_package:Method", negative=f"{ANOTHER}:Negative"
    )
    assert dicface.methods.create("gpen").facts.label == "GPEN"
    usable = [name for name in ALL if name != "keep"]
    assert list(dicface.methods.methods()) == [*usable, "negative"]
    assert "negative" in dicface.methods.methods_for("bfr")
    assert "no_such_package" in dicface.methods.fault("broken")
    assert "claimed twice" in dicface.methods.fault("keep")
    assert dicface.methods.fault("negative") is None


def test_one_class_registered_twice_is_one_method(register_methods):
    register_methods(keep="baselines.keep:Keep")
    assert dicface.methods.method("keep").facts.label == "KEEP"


def test_a_checkout_that_is_not_installed_says_what_to_do(register_methods):
    assert dicface.methods.unregistered() is None
    register_methods(alone=True, negative=f"{ANOTHER}:Negative")
    own = (
        "input",
        "dicface",
        "dicface_as_released",
        "codeformer_trained",
        "dicface_trained",
        "codeformer_demo",
    )
    assert dicface.methods.names() == (*own, "negative")
    with pytest.raises(MethodError, match="no method is named 'gpen'.*install the suite.*`pip ins"):
        dicface.methods.create("gpen")
