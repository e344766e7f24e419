"""Where the system under test is, and the guide's `--skip-slow`."""

import os

import pytest


def pytest_addoption(parser):
    parser.addoption("--skip-slow", action="store_true", help="leave out tests marked slow")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes seconds")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--skip-slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="--skip-slow"))


@pytest.fixture(scope="session")
def url():
    return os.environ["API_URL"].rstrip("/")


@pytest.fixture(scope="session")
def key():
    return os.environ["API_KEY"]
