"""`dicface restore`: which of its two ways is meant, and times as people write them."""

import argparse

import pytest

from dicface.cli.main import EXIT_USER_ERROR, main
from dicface.cli.restore import clock


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "found neither a film nor --input"),
        (["a.mp4", "--input", "clips"], "found films and --input clips"),
        (["--input", "clips"], "found --input without --method and --out"),
        (
            ["--input", "c", "--method", "input", "--out", "o", "--lossless", "--10bit"],
            "found --lossless, --10bit beside --input; these are for films alone",
        ),
        (["a.mp4", "--lossless", "--10bit"], "found both lossless and ten_bit"),
        (["a.mp4", "--method", "none"], "no method is named 'none'"),
        (["none.mp4", "--method", "input"], "none.mp4: no such file"),
    ],
)
def test_what_is_missing_or_too_much_is_said(words, said, capsys):
    assert main(["restore", *words]) == EXIT_USER_ERROR
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "seconds"), [("00:01:30", 90), ("1:30.5", 90.5), ("90", 90), ("1:00:00", 3600)]
)
def test_times(word, seconds):
    assert clock(word) == seconds


@pytest.mark.parametrize("word", ["", "a", "1:2:3:4", "-1", "1:"])
def test_wrong_times(word):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a time such as 00:01:30"):
        clock(word)
