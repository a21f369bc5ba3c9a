"""Facts of the metrics: what tables, configuration and planning read without torch."""

import subprocess
import sys

import pytest

from dicface.metrics import METRICS, metric_class, official_files, score_files
from dicface.metrics.metric import FrameMetric, SetMetric


def test_metrics_stand_in_the_papers_order_with_its_arrows() -> None:
    assert list(METRICS) == ["psnr", "ssim", "lpips", "ids", "akd", "fvd", "kvd", "tlme"]
    better = [name for name, facts in METRICS.items() if facts.higher_is_better]
    assert better == ["psnr", "ssim", "ids"]
    assert [name for name, facts in METRICS.items() if facts.level == "set"] == ["fvd", "kvd"]


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_listed_by_its_id_and_is_of_its_level(name: str) -> None:
    found = metric_class(name)
    assert found.facts.id == name
    assert issubclass(found, SetMetric if found.facts.level == "set" else FrameMetric)


def test_what_metrics_need_and_write_is_known_from_their_classes() -> None:
    assert set(official_files()) == {"vgg16", "arcface_w600k_r50", "fan_2dfan4", "i3d_torchscript"}
    # KVD compares the features of FVD.
    assert score_files() == ["metrics.parquet", "frames.parquet", "fvd.npz", "landmarks.npz"]


def test_facts_are_read_without_torch() -> None:
    code = (
        "import sys; from dicface.metrics import METRICS, official_files;"
        "[facts.digits for facts in METRICS.values()], official_files();"
        "assert not {'torch', 'onnxruntime', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
