"""Agents use the methods as tools, by the Model Context Protocol, with its real client."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
from conftest import make_photo
from PIL import Image
from samples import Sample
from serve import THIRD_PARTY, Blend, wait

from styleplug import imaging
from styleplug.engine import Engine
from styleplug.methods import Catalogue, catalogue, cnn
from styleplug.ui.agents import FILE
from styleplug.ui.page import launch
from styleplug.ui.traffic import Visitors

mcp = pytest.importorskip("mcp")
http = pytest.importorskip("mcp.client.streamable_http")

pytestmark = [pytest.mark.slow, *THIRD_PARTY]
Call = Callable[[Any], Awaitable[Any]]
METHODS = sorted(catalogue().methods)
FEW = {"gatys": {"iterations": 10, "scales": 1}, "completion": {"margin": 20, "count": 1}}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "runs.log"


@pytest.fixture(scope="module")
def blend() -> Blend:
    return Blend()


@pytest.fixture(scope="module")
def address(log: Path, blend: Blend) -> Iterator[str]:
    methods = {one.id: one for one in (*catalogue().methods.values(), Sample(), blend)}
    visitors = Visitors(log=log, proxies="127.0.0.1")
    yield launch(block=False, engine=Engine(Catalogue(methods, {})), mcp=True, visitors=visitors)
    gr.close_all()


@pytest.fixture
def ask(address: str) -> Callable[[Call], Any]:
    """Run a conversation with the server."""

    async def conversation(call: Call, headers: dict[str, str] | None) -> Any:
        where = f"{address}gradio_api/mcp/"
        async with (
            http.streamablehttp_client(where, headers) as (reading, writing, _),
            mcp.ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            return await call(session)

    return lambda call, headers=None: asyncio.run(asyncio.wait_for(conversation(call, headers), 60))


def uri(seed: int = 0) -> str:
    """A photograph as a data URI."""
    data = base64.b64encode(imaging.encode(make_photo(90, 60, seed).pixels))
    return f"data:image/png;base64,{data.decode()}"


def text(answer: Any) -> str:
    return " ".join(part.text for part in answer.content if part.type == "text")


def test_tools_named_and_described_by_declarations(ask: Any) -> None:
    tools = {tool.name: tool for tool in ask(lambda session: session.list_tools()).tools}
    expected = {*METHODS, "sample", "blend", "grid", "batch"}
    assert {*tools} - {"video"} == expected, "one has an extra"
    assert cnn.METHOD.summary in tools["cnn"].description
    inputs = tools["cnn"].inputSchema["properties"]
    assert inputs["content"]["description"] == cnn.METHOD.inputs[0].help
    assert inputs["content"]["format"] == FILE
    assert "64 to 8192, default 512 px" in inputs["size"]["description"]
    assert "One of: auto | torch | onnx." in inputs["backend"]["description"]
    assert all(one["description"] for tool in tools.values()
               for one in tool.inputSchema["properties"].values())  # fmt: skip


async def _ignored(progress: float, total: float | None, message: str | None) -> None:
    """A call that asks for progress takes another way through gradio."""


@pytest.mark.parametrize("method", [*METHODS, "sample", "blend"])
def test_tool_called_gives_picture(ask: Any, method: str) -> None:
    assert pictured(ask, method, _ignored if method in ("cnn", "blend") else None)


def test_tool_called_without_progress_gives_picture(ask: Any) -> None:
    assert pictured(ask, "cnn", None)


def pictured(ask: Any, method: str, told: Any) -> bool:
    """Whether a tool returns a picture and its report."""
    slots = (catalogue().methods | {"sample": Sample(), "blend": Blend()})[method].inputs
    given = {one.id: uri(number) for number, one in enumerate(slots) if one.least}
    given |= {"size": 64, **FEW.get(method, {})}
    answer = ask(lambda session: session.call_tool(method, given, progress_callback=told))
    assert not answer.isError, text(answer)
    picture = next(part for part in answer.content if part.type == "image")
    with Image.open(io.BytesIO(base64.b64decode(picture.data))) as image:
        image.load()
    return f"'method': '{method}'" in text(answer)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"size": 7}, "size"),
        ({"content": "data:image/png;base64,aGVsbG8="}, "picture"),
        ({"content": "http://127.0.0.1:9/photo.png"}, "address"),
        ({"content": "/etc/passwd"}, "expected a file uploaded to this page"),
        ({"content": "http://a.example/gradio_api/file=/etc/passwd"}, "expected a file uploaded"),
        ({"content": {"path": "/etc/passwd"}}, "is not of type 'string'"),
        ({"content": "photo.png"}, "Invalid file data"),
    ],
)
def test_tool_wrong_value_is_an_error(ask: Any, wrong: dict[str, Any], said: str) -> None:
    given = {"content": uri(), "style": uri(1), "size": 64} | wrong
    answer = ask(lambda session: session.call_tool("cnn", given))
    assert answer.isError and said in text(answer)


def test_tool_takes_uploads_and_results(ask: Any, address: str) -> None:
    sent = {"files": ("photo.png", base64.b64decode(uri().partition(",")[2]))}
    (path,) = httpx.post(f"{address}gradio_api/upload", files=sent).json()
    given: dict[str, Any] = {"content": path, "style": uri(1), "size": 64}
    answer = ask(lambda session: session.call_tool("cnn", given))
    assert not answer.isError, text(answer)
    (result,) = re.findall(r"Image URL: (\S+)", text(answer))
    given = {"content": [path, result], "over": '{"size": [64]}', "styles": "night"}
    answer = ask(lambda session: session.call_tool("grid", given))
    assert not answer.isError, text(answer)


def test_run_of_agent_that_left_is_stopped(ask: Any, blend: Blend) -> None:
    async def leave(session: Any) -> None:
        given = {"content": uri(), "style": uri(1), "size": 64, "steps": 400, "pause": 0.1}
        call = asyncio.create_task(session.call_tool("blend", given))
        while not blend.running:
            await asyncio.sleep(0.05)
        call.cancel()

    ask(leave)
    assert wait(lambda: not blend.running) and blend.steps < 200


def test_run_cancelled_by_its_agent_only(ask: Any, address: str, blend: Blend) -> None:
    """The agent says so as the protocol has it, and can go on; others cannot say it."""

    async def cancel(session: Any) -> Any:
        given = {"content": uri(), "style": uri(1), "size": 64, "steps": 400, "pause": 0.1}
        number = session._request_id
        call = asyncio.create_task(session.call_tool("blend", given))
        while not blend.running:
            await asyncio.sleep(0.05)
        said = {"method": "notifications/cancelled", "params": {"requestId": number}}
        for headers in ({}, {"mcp-session-id": "0"}):
            async with httpx.AsyncClient(headers=headers) as stranger:
                accept = {"Accept": "application/json, text/event-stream"}
                sent = {"jsonrpc": "2.0"} | said
                await stranger.post(f"{address}gradio_api/mcp/", json=sent, headers=accept)
        before = blend.steps
        while blend.steps < before + 3:
            await asyncio.sleep(0.05)
        await session.send_notification(mcp.types.ClientNotification.model_validate(said))
        return await call, await session.call_tool("sample", {"content": uri(), "size": 64})

    blend.steps = 0
    cancelled, after = ask(cancel)
    assert cancelled.isError and "stopped" in text(cancelled)
    assert wait(lambda: not blend.running) and blend.steps < 200
    assert not after.isError, text(after)


def test_tool_takes_picture_above_4_mb(ask: Any) -> None:
    """The server of mcp would refuse it."""
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    content = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    assert len(content) > 5e6
    answer = ask(lambda session: session.call_tool("sample", {"content": content, "size": 64}))
    assert not answer.isError, text(answer)


def test_agents_told_apart_by_address(ask: Any, log: Path) -> None:
    log.write_text("")
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        headers = {"x-forwarded-for": address}
        given = {"content": uri(), "size": 64}
        ask(lambda session, given=given: session.call_tool("sample", given), headers)
    first, other, again = (json.loads(line)["visitor"] for line in log.read_text().splitlines())
    assert first == again != other
