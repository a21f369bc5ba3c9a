"""A registry that knows the TorchScript files of tests."""

import dataclasses

import pytest

from dicface.base.files import sha256_of
from dicface.weights import registry


@pytest.fixture
def register_script(monkeypatch):
    """Returns a function that gives an entry of the registry the digest of a file."""

    def register(name, path):
        known = dataclasses.replace(registry.entry(name), sha256=sha256_of(path))
        entries = registry.registry() | {name: known}
        monkeypatch.setattr(registry, "registry", lambda: entries)

    return register
