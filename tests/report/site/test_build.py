"""The report's files: what stands on its pages follows from the run, links stay in the folder."""

import json
import re
import shutil
from urllib.parse import unquote

import av
import numpy as np
import pytest
from PIL import Image

from dicface.base.errors import ClipError, DicfaceError, MetricError
from dicface.base.files import write_json
from dicface.report.render.write import write_table
from dicface.report.score_folder import import_results
from dicface.report.site import media, write_report
from dicface.report.site.build import STATIC
from dicface.report.site.contents import absent_methods
from dicface.report.site.provenance import read_provenance
from dicface.report.tables.build import build_table
from dicface.report.tables.rows import Row
from dicface.report.tables.spec import TableSpec
from dicface.video.clips import write_clip
from tests.report.site._page import Page
from tests.report.site._report_run import (
    CLIPS,
    FPS,
    LABELS,
    MANIFEST,
    NUM_FRAMES,
    REASON,
    SIDE,
    frames,
    make_run,
    run_in,
)

REMARK = "Drawn by a test: the numbers say nothing."


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("results") / "demo <test>")


@pytest.fixture(scope="module")
def report(run):
    return write_report(run_in(run, REMARK)).parent


def test_the_first_page_says_what_a_reader_must_know_of_all_numbers(report):
    assert REMARK in Page(report / "index.html").text


def pages(report):
    found = sorted(report.rglob("*.html"))
    assert len(found) == 1 + 2 * len(CLIPS)
    return {path: Page(path) for path in found}


def test_every_link_leads_to_a_file_or_place_inside_the_folder(report):
    for path, found in pages(report).items():
        for address in found.addresses:
            if address == "data:,":
                continue
            file, _, anchor = address.partition("#")
            target = (path.parent / unquote(file)).resolve() if file else path
            assert target.is_relative_to(report.resolve()), address
            assert target.is_file(), address
            if anchor and not file:
                assert anchor in found.ids, address


def test_nothing_is_asked_of_the_network(report):
    for path in (p for p in report.rglob("*") if p.suffix in (".html", ".css", ".js")):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"https?://|url\(|@import|fetch\(|XMLHttpRequest|WebSocket", text):
            around = text[max(0, match.start() - 60) : match.end() + 20]
            plain = "example.org" in around or "www.w3.org/2000/svg" in around
            assert plain, f"{path.name}: {around}"
    # The reason's address is text, never a link.
    assert not any("://" in a for p in pages(report).values() for a in p.addresses)
    assert REASON in Page(report / "index.html").text


def test_names_are_escaped_everywhere(report):
    for path, found in pages(report).items():
        raw = path.read_text(encoding="utf-8")
        assert "<i>" not in raw
        assert "<b>" not in raw
        assert "<test>" not in raw
        if path.name != "index.html":
            assert CLIPS[0] in found.text or path.parent.name == "inpainting" or "head" in path.name
    assert LABELS["alpha"] in Page(report / "index.html").text
    assert "Test <CPU>" in Page(report / "index.html").text


def test_the_tables_show_and_sort_by_what_was_measured(report, run):
    table = Page(report / "index.html").tables[0]
    assert [cell["text"].split("\u00a0")[0] for cell in table[0]] == [
        "Method",
        "PSNR",
        "LPIPS",
        "TLME",
    ]
    by_label = {row[0]["value"]: row for row in table[1:]}
    assert float(by_label["Beta"][1]["value"]) == 20
    assert by_label["Degraded input"][1]["text"].startswith("21.00")
    assert by_label["Gone"][1]["value"] is None
    assert REASON in by_label["Gone"][1]["title"]
    raw = (report / "index.html").read_text(encoding="utf-8")
    assert "<strong>21.00</strong>" in raw
    assert '<th scope="col" data-best="high"><button' in raw
    assert 'data-block="Face inpainting"' in raw
    assert 'href="#note-' in raw
    assert (report / "tables" / "table1.csv").read_bytes() == (
        run / "tables" / "table1.csv"
    ).read_bytes()


def test_a_table_in_part_stands_in_the_place_of_the_whole_one_and_says_so(tmp_path, run):
    copy = tmp_path / "run"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("report", "inpainting", "table2*"))
    rows = [Row(method="alpha", label="Alpha, in part", group="All", reason="killed")]
    spec = TableSpec(name="table1", title="Table 1. A test", rows=())
    write_table(build_table(spec, rows), copy / "tables" / "partial")
    index = write_report(run_in(copy), tmp_path / "r")
    page = Page(index)
    assert "In part: the run broke off before all rows were scored." in page.text
    assert [row[0]["text"].split("\u00a0")[0] for row in page.tables[0][1:]] == [
        "All",
        "Alpha, in part",
    ]
    assert "Alpha, in part" in (index.parent / "tables" / "table1.md").read_text().replace(
        "\u00a0", " "
    )
    assert "In part" not in Page(write_report(run_in(run), tmp_path / "whole")).text


def test_a_table_of_an_earlier_version_is_named_and_a_damaged_one_refused(tmp_path, run, caplog):
    copy = tmp_path / "run"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("report", "inpainting"))
    (copy / "tables" / "table2.json").unlink()
    assert 'id="table2"' not in write_report(run_in(copy), tmp_path / "r").read_text()
    assert "table2.md: has no table2.json; make it again to show it" in caplog.text
    (copy / "tables" / "table1.json").write_text("{")
    with pytest.raises(MetricError, match=r"table1\.json: .*expected a table of a run"):
        write_report(run_in(copy), tmp_path / "no")


def test_worst_and_best_follow_the_metrics_direction(report):
    found = Page(report / "index.html")
    psnr = next(t for t in found.tables if t[0][1]["text"] == "Worst first")
    after = [t for t in found.tables if t[0][1]["text"] == "Worst first"][1]
    assert psnr[1][1]["text"].split() == [*CLIPS[0].split(), "20.000"]
    assert psnr[1][2]["text"].split() == ["head_2", "22.000"]
    assert after[1][1]["text"].split() == ["head_2", "0.300"]
    assert "clips/bfr/head_2.html#alpha" in found.addresses


def test_the_cost_table_says_what_is_recorded_and_what_is_not(report):
    heads, rows = costs(report)
    assert [head for head in heads if "memory" in head] == ["Peak host memory, MiB"]
    # Of its clips two have a time, 24 frames in 1.2 s; one is not of this test set.
    assert rows[LABELS["alpha"]] == ["1.50", "not recorded", "50", "512", "42", "200"]
    # Nothing was trained; what was loaded is known.
    assert rows["Beta"][:4] == ["2.25", "not recorded", "not recorded", "not recorded"]
    assert rows["gamma"][:4] == ["not recorded"] * 4
    assert "Degraded input" not in rows


def test_the_cost_table_has_gpu_memory_where_a_method_ran_on_one(tmp_path, run):
    copy = tmp_path / "run"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("report", "inpainting", "gamma"))
    took = {"frames": 8, "seconds": 0.01}
    took = {"head_1": took | {"gpu_bytes": 3 << 20}, "head_2": took | {"gpu_bytes": 2 << 20}}
    write_json(copy / "bfr" / "beta" / "cost.json", {"clips": took})
    index = write_report(run_in(copy), tmp_path / "r")
    heads, rows = costs(index.parent)
    place = heads.index("Peak GPU memory, MiB")
    assert (rows["Beta"][place], rows[LABELS["alpha"]][place]) == ("3", "not recorded")
    assert rows["Beta"][heads.index("Time a frame, ms")] == "1.2"
    (copy / "bfr" / "beta" / "cost.json").write_text("{")
    with pytest.raises(ClipError, match=r"cost\.json: is no JSON"):
        write_report(run_in(copy), tmp_path / "r")


def costs(report):
    table = next(t for t in Page(report / "index.html").tables if "Parameters" in t[0][1]["text"])
    heads = [cell["text"].strip() for cell in table[0][1:]]
    return heads, {row[0]["text"]: [cell["text"] for cell in row[1:]] for row in table[1:]}


@pytest.mark.slow
def test_multiply_accumulates_are_those_of_the_layers():
    from dicface.report.site.cost import macs_a_frame

    small = {"resolution": 16, "nf": 8, "ch_mult": (1, 1), "num_res_blocks": 1, "norm_groups": 4}
    small |= {"attn_resolutions": (), "codebook_size": 8, "emb_dim": 8, "dim_embd": 8, "n_head": 2}
    small |= {"n_layers": 1, "dim_mlp": 8, "connect_list": (), "dropout": 0.0}
    two = macs_a_frame({**small, "n_layers": 2}, "codeformer")
    one_layer = two - macs_a_frame(small, "codeformer")
    # 64 positions of 8 channels: query, key, value and output, two products, a two-layer network.
    assert one_layer == 64 * (4 * 8 * 8 + 2 * 64 * 8 + 2 * 8 * 8)


def test_the_clip_page_holds_what_its_player_needs(report):
    data = Page(report / "clips" / "bfr" / "head_1.html").player()
    assert [tile["id"] for tile in data["tiles"]] == [
        "input",
        "alpha",
        "beta",
        "gamma",
        data["truth"],
    ]
    assert data["chosen"] == ["beta", "alpha"]
    assert (data["fps"], data["frames"]) == (FPS, NUM_FRAMES)
    assert data["values"]["alpha"]["tlme"][0] is None
    assert data["values"]["alpha"]["psnr"][3] == pytest.approx(20.53)
    assert "gamma" in data["values"]
    assert not data["values"]["gamma"]


def test_what_is_missing_or_differs_is_said(report):
    index = Page(report / "index.html")
    assert "gamma: 2 of 3 clips; missing: head_2." in index.text
    head_1 = Page(report / "clips" / "bfr" / "head_1.html")
    assert "gamma: 48×48 px, the truth 32×32 px; 5 frames, the truth 8." in head_1.text
    head_2 = Page(report / "clips" / "bfr" / "head_2.html")
    assert "gamma: no clip of this name" in head_2.text
    # The reasons of rows without results stand once, on the first page.
    assert "Without results: Gone. Why" in head_2.text
    assert REASON in index.text
    failed = [cell for row in head_2.tables[0] for cell in row if cell["title"] == "no face found"]
    assert len(failed) == 3
    assert all(cell["value"] is None for cell in failed)
    assert "Gone" not in Page(report / "clips" / "inpainting" / "head_2.html").text


def test_figures_stand_in_natural_order_with_their_captions(report):
    text = Page(report / "index.html").text
    assert text.index("Figure 3.") < text.index("Figure 10.")
    assert "Rows by a rule, 1 < 2." in text
    assert (report / "figures" / "figure3.pdf").is_file()


def test_training_curves_and_provenance(report):
    raw = (report / "index.html").read_text(encoding="utf-8")
    assert raw.count('<figure class="chart">') == 4
    assert "l1</strong>, logarithmic" in raw
    # PSNR on unseen faces: from 21 to 22 dB, over the input's 21 dB.
    flat, steep = "M0.0 110.0 L300.0 110.0", "M0.0 110.0 L300.0 0.0"
    assert f'<path class="reference" d="{flat}"/><path d="{steep}"/>' in raw
    text = Page(report / "index.html").text
    assert text.count("On faces that no training sees") == 1
    assert text.index("psnr") < text.index("On training samples")
    assert "input_psnr" not in text
    assert "commit c0ffee with changes" in text
    assert "scale: demo\nnote: <none>" in text


def test_a_manifest_keeps_its_words_apart_and_its_changes_in_sight(tmp_path):
    commit = "0123456789abcdef" * 2 + "01234567"
    manifest = MANIFEST | {"command": ["dicface", "score", "my clips"]}
    for name, code in (
        ("changed", {"commit": commit, "changed": True}),
        ("clean", {"commit": commit, "changed": False}),
        ("none", {"commit": None, "changed": None, "note": "not a git checkout"}),
    ):
        text = json.dumps({**manifest, "code": code})
        (tmp_path / f"{name}.manifest.json").write_text(text, encoding="utf-8")
    found = {each["file"]: each for each in read_provenance(tmp_path).artefacts}
    assert found["clean"]["command"] == "dicface score 'my clips'"
    assert {name: each["short_commit"] for name, each in found.items()} == {
        "changed": "0123456789ab with changes",
        "clean": "0123456789ab",
        "none": "not a git checkout",
    }
    assert found["changed"]["commit"] == f"{commit} with changes"


def test_the_video_holds_every_frame_of_every_method_as_a_key_frame(tmp_path, report):
    data = Page(report / "clips" / "bfr" / "head_1.html").player()
    with av.open(str(report / "media" / "bfr" / "head_1.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == FPS
        decoded = list(container.decode(stream))
    assert len(decoded) == NUM_FRAMES
    assert all(frame.key_frame for frame in decoded)
    assert [frame.time for frame in decoded] == pytest.approx([n / FPS for n in range(NUM_FRAMES)])
    for index, frame in enumerate(decoded):
        picture = frame.to_ndarray(format="rgb24", width=frame.width, height=frame.height)
        for tile in data["tiles"]:
            x, y = tile["x"] + tile["width"] // 2, tile["y"] + tile["height"] // 2
            side = 48 if tile["id"] == "gamma" else SIDE
            method = "truth" if tile["id"] == data["truth"] else tile["id"]
            known = frames(method, tile["frames"], side)
            expected = known[index][side // 2, side // 2] if index < len(known) else (0, 0, 0)
            assert np.abs(picture[y, x].astype(int) - expected).max() <= 6, (index, tile["id"])
    raw = (report / "media" / "bfr" / "head_1.mp4").read_bytes()
    assert raw.index(b"moov") < raw.index(b"mdat")


def test_a_reduced_clip_says_so(tmp_path, run, monkeypatch):
    monkeypatch.setattr(media, "LARGEST", (64, 64))
    index = write_report(run_in(run), tmp_path / "small")
    # Five tiles in two rows, each of one macroblock at most.
    page = Page(index.parent / "clips" / "bfr" / "head_1.html")
    assert "Frames of 32×32 px are shown at 11×11 px: at full size the video" in page.text
    assert "Frames of 48×48 px are shown at 16×16 px: at full size the video" in page.text
    whole = Page(index.parent / "clips" / "bfr" / "head_2.html")
    assert "at full size" not in whole.text


def test_browsers_without_light_dark_get_the_light_values():
    style = (STATIC / "site.css").read_text(encoding="utf-8")
    light = re.findall(r"(--[\w-]+): light-dark\((#\w+), #\w+\);", style)
    (plain,) = re.findall(
        r"@supports not \(color: light-dark\(red, red\)\) \{(.*?)\n\}", style, re.S
    )
    assert len(light) == style.count("light-dark(#") > 5
    assert re.findall(r"(--[\w-]+): (#\w+);", plain) == light


def test_the_same_run_gives_the_same_bytes_and_replaces_the_report_whole(report, run):
    def content():
        return {p.relative_to(report): p.read_bytes() for p in report.rglob("*") if p.is_file()}

    before = content()
    (report / "left over.txt").write_text("from an earlier report")
    write_report(run_in(run, REMARK), report)
    assert content() == before
    assert not [p for p in run.iterdir() if p.name.startswith(".")]


def test_a_folder_that_is_no_report_is_left_alone(tmp_path, run):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(DicfaceError, match="holds other things than a report"):
        write_report(run_in(run), tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").is_file()


def test_an_empty_run_gives_a_page_that_says_so(tmp_path):
    write_clip(tmp_path / "run" / "clips" / "test" / "one.mkv", frames("truth"), FPS)
    index = write_report(run_in(tmp_path / "run"), tmp_path / "out")
    text = Page(index).text
    assert "No task was run." in text
    assert "The run holds no manifest" in text


def test_bad_input_is_named_and_leaves_nothing(tmp_path, run):
    (tmp_path / "clips" / "test").mkdir(parents=True)
    with pytest.raises(ClipError, match="found no clip"):
        write_report(run_in(tmp_path), tmp_path / "out")
    copy = tmp_path / "run"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("report", "inpainting"))
    damaged = copy / "bfr" / "alpha" / "head_2.mkv"
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    with pytest.raises(ClipError, match=r"head_2\.mkv"):
        write_report(run_in(copy), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_a_table_of_one_task_still_says_which(tmp_path):
    rows = [Row(method="gone", label="Gone", group="", reason=REASON, block="colorization")]
    table = build_table(TableSpec(name="table2", title="Table 2", rows=()), rows)
    assert absent_methods([table], "colorization") == {"Gone": f"{REASON}."}
    assert absent_methods([table], "colorization", {"gone"}) == {}
    assert absent_methods([table], "bfr") == {}


def test_results_made_elsewhere_are_shown_like_those_of_any_method(tmp_path, run):
    copy = tmp_path / "run"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("report", "inpainting", "gamma"))
    theirs, truth = tmp_path / "theirs", copy / "clips" / "test"
    write_clip(theirs / "head_1.mkv", frames("theirs"), FPS)
    write_clip(theirs / "head_2.mkv", frames("theirs", num_frames=5), FPS)
    (theirs / CLIPS[0]).mkdir()
    for number, frame in enumerate(frames("theirs")):
        Image.fromarray(frame).save(theirs / CLIPS[0] / f"{number}.png")
    import_results("theirs", theirs, truth, copy / "bfr" / "theirs", label="Their system")
    index = write_report(run_in(copy), tmp_path / "report")
    shorter = "shorter: 5 frames, the truth has 8"
    said = f"Their system: 2 of 3 clips; missing: head_2 ({shorter})."
    assert said in Page(index).text
    assert f"Their system: {shorter}" in Page(index.parent / "clips/bfr/head_2.html").text
    for clip in CLIPS[:2]:
        data = Page(index.parent / "clips" / "bfr" / f"{clip}.html").player()
        (tile,) = (tile for tile in data["tiles"] if tile["label"] == "Their system")
        with av.open(str(index.parent / "media" / "bfr" / f"{clip}.mp4")) as container:
            shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert tile["frames"] == len(shown) == NUM_FRAMES
        x, y = tile["x"] + tile["width"] // 2, tile["y"] + tile["height"] // 2
        for number, frame in enumerate(frames("theirs")):
            assert np.abs(shown[number][y, x].astype(int) - frame[-1, -1]).max() <= 6
    # Frames have no rate of their own: nothing is said of it.
    assert "frames a second" not in Page(index.parent / "clips" / "bfr" / f"{CLIPS[0]}.html").text
    shutil.rmtree(theirs)
    write_report(run_in(copy), tmp_path / "report")
    assert "Their system: no clip is shown." in Page(index).text
