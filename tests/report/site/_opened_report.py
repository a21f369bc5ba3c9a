"""Fixtures: a report and a browser to open it in."""

import pytest

from dicface.report.site import write_report
from tests.report.site._browser import Browser
from tests.report.site._report_run import make_run, run_in


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("results") / "demo")
    return write_report(run_in(run)).parent


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()
