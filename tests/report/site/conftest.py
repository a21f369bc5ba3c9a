"""The burnt clip's page in headless Chromium, for the tests of what the player shows."""

import pytest

from tests.report.site._browser import Browser
from tests.report.site._burnt import make_report, page_of, settle


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """The first page of a report whose clip has its frames' numbers burnt in."""
    return make_report(tmp_path_factory.mktemp("burnt"))


@pytest.fixture(scope="module")
def page(index):
    """Address of the clip's page."""
    return page_of(index).as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture
def player(browser, page):
    """The clip's page at its first frame; no error may stand in its console at the end."""
    browser.resize(1200, 900)
    browser.open(page)
    settle(browser, 0)
    yield browser
    assert browser.errors == []
