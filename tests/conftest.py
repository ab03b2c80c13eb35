"""What every test can rely on: nothing of the user's is touched, and "required" means required."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator

import pytest

_HOME = tempfile.TemporaryDirectory(prefix="styleplug-tests-")  # removed when the process ends

# Before any library reads them: caches of their own, no analytics, and no network by accident.
os.environ.update(
    GRADIO_ANALYTICS_ENABLED="False",
    GRADIO_TEMP_DIR=os.path.join(_HOME.name, "gradio"),
    HF_HOME=os.path.join(_HOME.name, "huggingface"),
    HF_HUB_OFFLINE="1",
    XDG_CACHE_HOME=os.path.join(_HOME.name, "cache"),
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport]:
    """Where the browser is required, a browser test that is skipped has failed."""
    report = yield
    required = os.environ.get("STYLEPLUG_REQUIRE_BROWSER") == "1"
    if required and report.skipped and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = f"skipped, though STYLEPLUG_REQUIRE_BROWSER=1: {report.longrepr}"
    return report
