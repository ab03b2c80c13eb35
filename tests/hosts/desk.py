"""An empty home, where styleplug is installed from its wheel as a stranger would do it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from serve import THIRD_PARTY, free_port, picture, wait
from test_packaging import source, wheel

__all__ = ["source", "wheel"]
FRESH = [pytest.mark.slow, pytest.mark.fresh, pytest.mark.timeout(1800), *THIRD_PARTY]
PATIENCE = 300  # seconds until a page answers


class Desk:
    """An empty home with two pictures, where the wheel is found by its name.

    Args:
        home: the folder.
        wheel: the wheel.
    """

    def __init__(self, home: Path, wheel: Path) -> None:
        self.home, self.port = home, free_port()
        self.photo = picture(home, "photo.png", (200, 90, 30), 320)
        self.painting = picture(home, "painting.png", (30, 90, 200), 320)
        browser = home / "browser"
        browser.write_text(f'#!/bin/sh\necho "$1" >>{home}/opened\n')
        browser.chmod(0o755)
        links = os.environ.get("PIP_FIND_LINKS", "")
        self.environment = {
            **os.environ,
            "BROWSER": f"{browser} %s",
            "GRADIO_SERVER_PORT": str(self.port),
            "HOME": str(home),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PIP_FIND_LINKS": f"{links} {wheel.parent}".strip(),
            "PIPX_DEFAULT_PYTHON": sys.executable,
            "UV_FIND_LINKS": str(wheel.parent),
            "UV_PYTHON": sys.executable,
            "UV_SYSTEM_CERTS": "1",
        }
        self.environment.pop("PYTHONPATH", None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def __call__(self, line: str) -> str:
        """Run a command, and return what it says."""
        done = subprocess.run(
            shlex.split(line), cwd=self.home, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def serving(
        self, line: str, path: str = "", asked: str = "health", **more: str
    ) -> Iterator[str]:
        """Serve a page while the block runs.

        Args:
            line: the command.
            path: that of the page.
            asked: what answers once the page is there.
            more: variables of the environment.
        """
        words, log = shlex.split(line), self.home / "log"
        with log.open("w") as out:
            process = subprocess.Popen(
                words, cwd=self.home, env=self.environment | more, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # if ignored
            )  # fmt: skip
            try:
                there = f"{self.url}{path}{asked}"
                assert wait(lambda: answers(there) or process.poll() is not None, PATIENCE), (
                    "it neither answers nor ends"
                )
                assert process.poll() is None, log.read_text()
                yield self.url + path
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)
                process.wait(PATIENCE)

    def paint(self, url: str) -> None:
        """Ask a page for a picture."""
        pictures = {"content": handle_file(self.photo), "style": handle_file(self.painting)}
        found, _ = Client(url, verbose=False, httpx_kwargs={"timeout": PATIENCE}).predict(
            **pictures, size=256, api_name="/cnn"
        )
        painted(Path(found))


def painted(path: Path) -> None:
    with Image.open(path) as image:
        assert image.size == (256, 256)
        assert len(image.getcolors(1 << 16) or range(1 << 16)) > 100


def answers(url: str) -> bool:
    """Whether something is there."""
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def desk(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:  # noqa: F811
    return Desk(tmp_path_factory.mktemp("home"), wheel)
