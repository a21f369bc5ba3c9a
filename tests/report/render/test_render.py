"""Tables as text, Markdown, CSV and LaTeX: the same table, whatever the form."""

import csv
import io
import shutil
import subprocess

import pytest

from dicface.report import PAPER_NUMBERS
from dicface.report.render.cells import number, span
from dicface.report.render.latex import escape, to_latex
from dicface.report.render.screen import finding, to_screen
from dicface.report.render.write import to_csv, to_markdown, to_text, write_table
from dicface.report.tables.rows import Row
from dicface.report.tables.spec import TableSpec
from tests.report.tables._scores import FACTS, TABLE1, build, table1_row, write_scores


def test_csv_has_exactly_the_columns_and_empty_cells_for_what_was_not_measured(rows):
    lines = list(csv.DictReader(io.StringIO(to_csv(build(rows)))))
    columns = ["method", "metric", "mean", "low", "high", "clips", "backbone", "note"]
    assert list(lines[0]) == columns
    assert len(lines) == len(TABLE1.rows) * len(FACTS)
    gpen = next(line for line in lines if line["method"] == "gpen")
    assert (gpen["mean"], gpen["low"], gpen["high"], gpen["clips"]) == ("", "", "", "0")
    ours = next(line for line in lines if line["method"] == "dicface_trained")
    assert (ours["clips"], ours["backbone"]) == ("8", "pixels")
    assert float(ours["low"]) < float(ours["mean"]) < float(ours["high"])


def test_daggers_name_every_backbone_that_is_not_the_papers(rows):
    table = build(rows)
    assert table.daggers == {
        "lpips": "random-vgg16 (sha256 0123456789ab…)",
        "fvd": "random-vgg16 (sha256 0123456789ab…)",
    }
    head = to_markdown(table).splitlines()[2].replace("\u00a0", " ")
    assert "PSNR ↑ dB" in head
    assert "LPIPS (random-vgg16) ↓†" in head  # it is another metric


def test_a_row_alone_has_neither_rank_nor_words_about_it(tmp_path):
    row = Row(method="mine", label="Mine", group="", metrics=write_scores(tmp_path, "input"))
    rows = [row, Row(method="gone", label="Gone", group="", reason="no weights")]
    table = build(rows, TableSpec(name="row", title="Mine", rows=()))
    assert not table.cells["rank"].any()
    for text in (to_markdown(table), to_text(table), to_latex(table)):
        assert "best" not in text
        assert "Means over" in text


def test_same_scores_give_the_same_bytes_in_any_order(tmp_path, rows):
    first = {k: p.read_bytes() for k, p in write_table(build(rows), tmp_path / "a").items()}
    again = {k: p.read_bytes() for k, p in write_table(build(rows[::-1]), tmp_path / "b").items()}
    assert sorted(first) == ["csv", "differences", "json", "md", "tex"]
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    ends = (".csv", ".json", ".md", ".tex", "_differences.csv")
    assert names == [f"table1{end}" for end in ends]
    # Numbers of footnotes follow the rows, and rows follow the paper, whatever order they came in.
    assert first == again


def test_text_fits_its_width_or_goes_on_in_a_second_panel(rows):
    table = build(rows)
    for width in (120, 60):
        assert max(map(len, to_text(table, width).splitlines())) <= width


def test_numbers_as_text():
    assert number(-0.00001, 3, signed=True) == "0.000"
    assert number(1.0, 1, signed=True) == "+1.0"
    assert span(1, 2, 1) == "1.0–2.0"
    assert span(-1, 2, 1) == "−1.0 to 2.0"
    assert span(float("nan"), 2, 1) == ""


def test_latex_specials_are_escaped():
    assert escape(r"50% of a_b & $x^2 {~#}\\") == (
        r"50\% of a\_b \& \$x\textasciicircum{}2 \{\textasciitilde{}\#\}"
        r"\textbackslash{}\textbackslash{}"
    )
    assert escape("α → 1…") == (r"\ensuremath{\alpha} \ensuremath{\rightarrow} 1\dots{}")
    assert escape("中") == "[U+4E2D]"


def test_latex_marks_best_and_second_best(rows):
    text = to_latex(build(rows))
    assert text.isascii()
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert r"\textbf{" in text
    assert r"\underline{" in text
    arrow = r"\ensuremath{\downarrow}\textsuperscript{\ensuremath{\dagger}}"
    assert f"LPIPS (random-vgg16) {arrow}" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not on this machine")
def test_latex_compiles(tmp_path, rows):
    numbers = PAPER_NUMBERS / "table1.csv"
    rows = [*rows, table1_row("mine", reason=r"50% & _{}$#^~\<>| α", label="Mine & yours_2")]
    table = build(rows, paper_numbers=numbers, setting="")
    (tmp_path / "table1.tex").write_text(to_latex(table))
    (tmp_path / "page.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs}\begin{document}"
        r"\input{table1.tex}\end{document}"
    )
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "page.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_end_of_a_run_fits_a_terminal(rows, tmp_path):
    table = build(rows)
    (tmp_path / "table1.md").touch()
    text = to_screen(table, [tmp_path / "table1.md", tmp_path / "gone.png"])
    lines = text.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines[:-1])) <= 100
    assert lines[-1] == f"  {tmp_path / 'table1.md'}"
    assert "GPEN" in text.partition("Without scores: ")[2]
    ours = next(line for line in lines if line.startswith("DicFace (trained) "))
    assert ours.count(".") >= 3
    said = finding(table)
    assert said.startswith("DicFace (trained) against CodeFormer (trained), the strongest other")
    assert "PSNR +" in said
    assert "(better)" in said
