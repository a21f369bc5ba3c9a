"""The report's media: size of the videos, slices over time, small pictures."""

import av
import numpy as np
import pytest
from PIL import Image

from dicface.report.site import media
from dicface.report.site.media import template_eye_column, write_media
from dicface.video.clips import read_clip, write_clip


def test_slices_are_the_eye_column_over_time(tmp_path):
    rng = np.random.default_rng(0)
    clips = {}
    for name in ("input", "truth"):
        clips[name] = tmp_path / f"{name}.mkv"
        write_clip(clips[name], list(rng.integers(0, 256, (5, 64, 64, 3), np.uint8)), 25)
    media = write_media(clips, tmp_path / "v.mp4", tmp_path / "s.png", tmp_path / "t.png")
    sheet = np.asarray(Image.open(tmp_path / "s.png"))
    truth, _ = read_clip(clips["truth"])
    tile = media.tiles["truth"]
    assert template_eye_column(64) == 24
    assert np.array_equal(sheet[tile.slice_y :], truth[:, :, 24].swapaxes(0, 1))


@pytest.fixture
def three_clips(tmp_path):
    """256 px each; the second one has one frame, the others five."""
    clips = {name: tmp_path / f"{name}.mkv" for name in ("input", "short", "truth")}
    for place, (name, path) in enumerate(clips.items()):
        levels = [40 * n + 10 * place for n in range(1 if name == "short" else 5)]
        write_clip(path, [np.full((256, 256, 3), level, np.uint8) for level in levels], 25)
    return clips


@pytest.mark.parametrize(
    ("largest", "size", "tile_side"),
    [((4096, 2304), (512, 512), 256), ((800, 300), (768, 256), 256), ((500, 300), (256, 256), 128)],
)
def test_the_video_is_no_larger_than_browsers_can_play(
    tmp_path, monkeypatch, three_clips, largest, size, tile_side
):
    monkeypatch.setattr(media, "LARGEST", largest)
    files = [tmp_path / name for name in ("v.mp4", "s.png", "t.png")]
    written = write_media(three_clips, *files)
    with av.open(str(files[0])) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert picture.shape[1::-1] == size
    for place, tile in enumerate(written.tiles.values()):
        assert (tile.width, tile.height, tile.reduced) == (tile_side, tile_side, tile_side < 256)
        shown = picture[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
        assert shown.shape == (tile_side, tile_side, 3)
        assert np.abs(shown.astype(int) - 10 * place).max() <= 3
    # The slices keep every row.
    assert Image.open(files[1]).size == (5, 3 * 256)


def test_the_small_picture_is_the_centre_frame_of_the_clips_that_it_shows(tmp_path, three_clips):
    picture = tmp_path / "t.png"
    write_media(three_clips, tmp_path / "v.mp4", tmp_path / "s.png", picture)
    pixels = np.asarray(Image.open(picture))
    assert (pixels[0, 0, 0], pixels[0, -1, 0]) == (80, 100)
