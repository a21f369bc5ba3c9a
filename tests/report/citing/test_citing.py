"""The section on methods: only what a run used, by its records, and whom to cite for it."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dicface.base.errors import ConfigError, DicfaceError
from dicface.base.names import TRUTH
from dicface.cli.main import main
from dicface.methods import method, methods
from dicface.metrics import METRICS, WITHOUT_TRUTH
from dicface.provenance.manifest import PACKAGES as RECORDED
from dicface.provenance.manifest import sidecar
from dicface.report.citing.forms import to_bibtex, to_latex, to_text
from dicface.report.citing.references import Reference, of_method, references
from dicface.report.citing.section import Section, describe
from dicface.report.citing.used import PACKAGES, Used
from dicface.report.records.export import records_of_run
from dicface.report.records.shelf import add
from dicface.report.run import write_run_table
from dicface.report.tables.declared import OF_THE_TRUTH
from dicface.runs.folder import Run
from tests.report.records.test_records import made


def manifest(path: Path, kind: str, run: Run, inputs: list[str], **more: object) -> None:
    """Writes the manifest of a file; inputs are files of the run."""
    facts = {"sha256": "ab", "bytes": 1}
    name = path.relative_to(run.folder).as_posix()
    values = {
        "format": 1,
        "kind": kind,
        "artefact": {"file": path.name, **facts},
        "root": "/".join([".."] * (name.count("/"))) or ".",
        "command": ["x"],
        "inputs": {each: facts for each in inputs},
        "outside": {},
        "outputs": {name: facts},
        "code": {"version": "9.8", "commit": "c0ffee" * 6, "changed": False},
        "packages": {"numpy": "1.2.3", "torch": "4.5.6", "pyiqa": "7.8.9", "dlib-bin": "3.2.1"},
        "python": "3.11.0",
        "machine": {"cpu": "A chip", "gpus": [], "torch_threads": None, "device": None},
        "settings": {},
        "ended": "2026-01-02T03:04:05+00:00",
    }
    sidecar(path).write_text(json.dumps(values | more))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Input and its mean of five as scored rows of Table 1, with manifests of all; stays so."""
    run = made(tmp_path_factory.mktemp("results") / "demo", raw={"variants": {}})
    write_run_table(run, "table1")
    scores = "bfr/input/metrics.parquet"
    record = run.folder / "bfr/input/degradation.parquet"
    manifest(run.tables / "table1.md", "table", run, [scores, "bfr/input_mean5/metrics.parquet"])
    machine = {"cpu": "A chip", "gpus": [], "torch_threads": 1, "device": "cpu"}
    manifest(
        run.folder / scores, "scores", run, [str(record.relative_to(run.folder))], machine=machine
    )
    settings = {"task": "bfr", "seed": "demo-0", "blur_sigma": [0.1, 2.5], "noise_sigma": [5, 20]}
    settings |= {"crf": [24, 32], "kernel_size": 21, "scale": 4, "iso_prob": 0.7, "grey_prob": 0.5}
    manifest(record, "inputs", run, [], settings=settings)
    return run


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Run:
    """A copy of it."""
    shutil.copytree(finished.folder, folder := tmp_path / "results" / "demo")
    return replace(finished, folder=folder, train_folder=folder)


def test_the_section_says_what_the_run_used_and_nothing_else(finished: Run) -> None:
    section = describe(Used.by(finished))
    text = to_text(section)
    assert "Results are on 7 clips, 128-px rendered clips [@dicface_suite]." in text
    assert "σ 0.1 to 2.5 px" in text
    assert "H.264 (rate factor 24 to 32)" in text
    assert "Degraded input. Controls are the plain mean of five frames" in text
    assert "LPIPS (dlib-68) [@zhang2018lpips]" in text
    assert "dlib-68 [@king2009dlib; @kazemi2014ert] (sha256 ab…)" in text
    assert "stand on other networks than the paper's" in text
    assert "[@hesterberg2015bootstrap]" in text
    assert "dicface 9.8 (commit c0ffeec0ffee)" in text
    assert "NumPy 1.2.3 [@harris2020numpy]" in text
    assert "PyTorch 4.5.6 [@paszke2019pytorch]" in text
    # Installed, or rows of the table, and not used.
    for unused in (
        "Holm",
        "pyiqa",
        "GPEN",
        "CodeFormer",
        "trained once",
        "Satterthwaite",
        "Snakemake",
    ):
        assert unused not in text, unused
    assert set(re.findall(r"@([a-z]+\d*\w*)", text.partition("**References**")[0])) == set(
        section.cited
    )


def test_a_row_of_the_truth_is_no_method(finished: Run) -> None:
    used = Used.by(finished)
    row = replace(used.tables[0].rows[0], method=TRUTH, label="Truth", group=OF_THE_TRUTH)
    tables = (*used.tables, replace(used.tables[0], rows=(row,)))
    assert "Truth" not in to_text(describe(replace(used, tables=tables)))


def test_latex_cites_what_the_entries_hold(finished: Run) -> None:
    section = describe(Used.by(finished, ["table1"]))
    latex, entries = to_latex(section), to_bibtex(section)
    cited = {key for keys in re.findall(r"\\cite\{([^}]+)\}", latex) for key in keys.split(",")}
    assert cited == set(re.findall(r"^@\w+\{([^,]+),$", entries, re.MULTILINE))
    assert "[@" not in latex
    assert "cited-for" not in entries
    assert latex.isascii()


def test_a_published_record_is_called_one_and_cites_nobody(run: Run, tmp_path: Path) -> None:
    (record,) = records_of_run(run, ["input_mean5"])
    record.write(tmp_path / "theirs.json")
    add(tmp_path / "theirs.json", run, name="theirs")
    write_run_table(run, "table1")
    assert "from a published record of" in to_text(describe(Used.by(run)))


def test_the_command_prints_and_writes(finished, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(Run, "load", classmethod(lambda cls, folder: finished))
    out = tmp_path / "paper"
    assert main(["cite", "x", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("**Data.** ")
    written = {path.name: path.read_text() for path in out.iterdir()}
    assert set(written) == {"methods.md", "methods.tex", "methods.bib"}
    assert said.startswith(written["methods.md"])
    assert main(["cite", "x", "--tables", "table3"]) == 2
    said = capsys.readouterr().err
    assert f"found no table 'table3' in {finished.tables}; expected some of table1." in said


def test_a_run_that_cannot_be_described_says_what_to_do(run: Run) -> None:
    sidecar(run.tables / "table1.md").unlink()
    with pytest.raises(DicfaceError, match=r"expected what says how the table was made"):
        Used.by(run)
    (run.tables / "table1.json").unlink()
    with pytest.raises(ConfigError, match=r"has no table; .* `dicface run table1`"):
        Used.by(run)


# Whom to cite


def test_every_system_and_measure_has_its_paper() -> None:
    without = {"psnr", "jitter", "shape_flicker", "identity_steps", "identity_input"}
    for name in {*METRICS, *WITHOUT_TRUTH} - without:
        assert name in references() or name.startswith("flicker"), name
    for name, found in methods().items():
        facts = found.facts
        assert of_method(name, facts.label, facts.citation) or name == "input", name
    assert set(PACKAGES) <= set(RECORDED)


def test_kept_entries_are_those_that_the_methods_name() -> None:
    def plain(text: str) -> str:
        return re.sub(r"[^a-z]", "", text.lower())

    for name in methods():
        for reference in references().get(name, ()):
            assert plain(reference.fields["title"]) in plain(method(name).facts.citation), name


def test_keys_are_cited_by_one_entry_each() -> None:
    entries = {each.key: each for found in references().values() for each in found}
    for key, entry in entries.items():
        assert entry.bibtex.count("{") == entry.bibtex.count("}"), key
        assert {"author", "title", "year"} <= set(entry.fields), key
        assert "{" not in entry.line, key
        assert "\\" not in entry.line, key
    assert entries["binkowski2018mmd"].line.startswith("Mikołaj Bińkowski, Danica J. Sutherland")
    assert entries["harris2020numpy"].line == (
        "Charles R. Harris, K. Jarrod Millman, Stéfan J. van der Walt et al. "
        "Array Programming with NumPy. Nature, 2020."
    )


def test_a_method_of_others_is_cited_as_it_states() -> None:
    (line,) = of_method("mine", "Mine", "Doe, A method, 2026")
    assert (line.key, line.line) == ("mine", "Mine. Doe, A method, 2026.")
    entry = "@article{doe2026,\n  author = {A. Doe},\n  title = {A Method},\n  year = {2026},\n}"
    (own,) = of_method("mine", "Mine", entry)
    assert (own.key, own.bibtex) == ("doe2026", entry)
    assert of_method("mine", "Mine", "") == ()
    section = Section()
    assert section.cite("psnr") == ""
    assert section.cite("ssim", entries=[own, Reference(entry)]) == " [@wang2004ssim; @doe2026]"
