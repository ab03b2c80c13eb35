"""The page without a browser: what is derived, what HTTP answers, what a visitor cannot do."""

from __future__ import annotations

import io
import json
import math
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from samples import Dream
from serve import THIRD_PARTY, Blend, BlendParams, Site, picture, served, wait

from styleplug import imaging as image
from styleplug.core import errors
from styleplug.core.errors import BadImage, BadParameter
from styleplug.core.frame import Frame
from styleplug.core.params import Params, field
from styleplug.core.recipe import LARGEST, Recipe, Settings
from styleplug.engine import Plan, longest
from styleplug.engine.request import narrowed
from styleplug.imaging.sheet import GAP, grid
from styleplug.training.loop.setup import Loop
from styleplug.ui import render
from styleplug.ui.controls import control
from styleplug.ui.drawing import INKS, Drawing
from styleplug.ui.errors import sentence
from styleplug.ui.form import Form
from styleplug.ui.i18n import Texts, duration, language, memory, say
from styleplug.ui.live import _left, follow
from styleplug.ui.uploads import uploaded

pytestmark = THIRD_PARTY
RED, BLUE = (200, 30, 30), (30, 30, 200)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def content(tmp_path: Path) -> Any:
    return handle_file(picture(tmp_path, "content.png", RED))


@pytest.fixture
def style(tmp_path: Path) -> Any:
    return handle_file(picture(tmp_path, "style.png", BLUE))


# What is derived from a declaration ---------------------------------------------------------


class Kinds(Params):
    slide: float = field(0.5, ge=0, le=1, label="a", help="h")
    count: int = field(100, ge=1, le=2000, step=10, label="a", help="h")
    wide: float = field(1.0, ge=1e-6, le=1e6, label="a", help="h")
    free: int = field(3, label="a", help="h")
    yes: bool = field(True, label="a", help="h")
    name: str = field("x", label="a", help="h")


@pytest.mark.parametrize(
    ("params", "name", "kind", "props"),
    [
        (Kinds, "slide", gr.Slider, {"minimum": 0, "maximum": 1, "value": 0.5, "step": 0.01}),
        (Kinds, "count", gr.Slider, {"minimum": 1, "value": 100, "step": 1}),  # 10 misses 100
        (Kinds, "wide", gr.Number, {"minimum": 1e-6, "maximum": 1e6, "precision": None}),
        (Kinds, "free", gr.Number, {"value": 3, "precision": 0}),
        (Kinds, "yes", gr.Checkbox, {"value": True}),
        (Kinds, "name", gr.Textbox, {"value": "x"}),
        (Settings, "size", gr.Slider, {"minimum": 64, "maximum": LARGEST, "step": 16}),
        (Settings, "seed", gr.Number, {"value": 0, "precision": 0}),
        (Settings, "backend", gr.Radio, {"value": "auto"}),
        (BlendParams, "style_blend", gr.Textbox, {"value": ""}),
        (BlendParams, "mood", gr.Radio, {"value": "calm"}),
    ],
)
def test_control_made_from_field(
    params: type[Params], name: str, kind: type[Any], props: dict[str, Any]
) -> None:
    texts = Texts()
    made = control(name, params.model_fields[name], "settings", texts, "some")
    assert type(made) is kind
    assert {key: getattr(made, key) for key in props} == props
    assert made.elem_id == f"some-{name}"
    translations = texts.table().translations
    for key in (f"settings-parameter-{name}-label", f"settings-parameter-{name}-help"):
        assert translations["en"][key] and translations["zh"][key]
    assert f"settings-parameter-{name}-help" in str(made.info)  # every control has help


@pytest.mark.parametrize(
    ("name", "classes"),
    [("slide", []), ("count", ["sp-curved-100"]), ("wide", []), ("free", []), ("yes", [])],
)
def test_control_curved_if_its_default_is_near_the_lower_end(name: str, classes: list[str]) -> None:
    assert control(name, Kinds.model_fields[name], "x", Texts(), "some").elem_classes == classes


@pytest.mark.slow
def test_page_compressed_but_neither_files_nor_events(site: Site, photo: Any) -> None:
    packed = {"Accept-Encoding": "gzip"}
    answer = httpx.get(site.url, headers=packed)
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(answer.content) / 3
    path, _ = site.client.predict(count=1, size=64, backend="fake", api_name="/dream")
    file = httpx.get(f"{site.url}gradio_api/file={path}", headers=packed)
    assert "content-encoding" not in file.headers
    queued = httpx.post(f"{site.url}gradio_api/call/v2/dream", json={"size": 64}).json()
    where = f"{site.url}gradio_api/call/v2/dream/{queued['event_id']}"
    with httpx.stream("GET", where, headers=packed, timeout=30) as events:
        assert "content-encoding" not in events.headers
        assert "event: complete" in "".join(events.iter_text())


def test_control_dice_for_seeds_only() -> None:
    seed, save = (
        control(name, params.model_fields[name], "loop", Texts(), "some")
        for name, params in (("seed", Settings), ("save_every", Loop))
    )
    assert "sp-seed" in seed.elem_classes and "sp-seed" not in save.elem_classes


def test_control_choices_shown_in_words() -> None:
    texts = Texts()
    made = control("backend", Settings.model_fields["backend"], "settings", texts, "some")
    assert isinstance(made, gr.Radio)
    assert [value for _, value in made.choices] == ["auto", "torch", "onnx"]
    key = "settings-parameter-backend-choice-auto"
    assert key in str(made.choices[0][0])
    shown_as = {to: table[key] for to, table in texts.table().translations.items()}
    assert shown_as == {"en": "automatic", "zh": "自动"}


def test_error_unknown_to_catalogue_headed_by_kind() -> None:
    bad = errors.BadImage("'照片.png' is odd")
    assert sentence(bad, "en") == str(bad)
    assert sentence(bad, "zh") == f"图片无法使用：{bad}"
    assert sentence(errors.DigestMismatch("x"), "zh") == "权重文件有问题：x"
    assert sentence(ValueError("secret"), "zh") == say("unforeseen", "zh", error="ValueError")


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("zh-TW", "zh"), ("en-US,zh;q=0.5", "en"), ("", "en")],
)
def test_language_follows_browser(asked: str, spoken: str) -> None:
    assert language(SimpleNamespace(headers={"accept-language": asked})) == spoken  # type: ignore[arg-type]
    assert language(None) == "en"


def test_amounts_are_short() -> None:
    assert [duration(s, "en") for s in (3.44, 41.2, 125)] == ["3.4 s", "41 s", "2 min 5 s"]
    assert [memory(mb) for mb in (640, 1940)] == ["640 MB", "1.9 GB"]


def _form(method: type[Blend] = Blend) -> Form:
    with gr.Blocks():
        form = Form(method(), Texts())
        form.pictures()
        form.parameters(advanced=False)
        form.parameters(advanced=True)
    return form


def test_form_recipe_round_trip() -> None:
    form = _form()
    values = {name: None for name in form.names} | {
        "steps": 7, "pause": 0.5, "mood": "wild", "style_blend": "0.2 3", "size": 128,
        "enlarge": "2", "seed": 9,
        "backend": "fake", "device": "cpu", "trained": "", "strength": 0.5, "keep_colours": True,
        "keep_colours_by": "style", "mask_feather": 0.1, "mask_invert": True,
    }  # fmt: skip
    pictures = ["content", "style", "style_2", "style_3", "mask"]
    pictures += ["region", "region_2", "region_3"]
    recipe = form.recipe(values)
    assert recipe.parameters["style_blend"] == [0.2, 3.0]
    again = Recipe.from_json(recipe.to_json())
    assert form.fill(again) == [values[name] if name != "style_blend" else "0.2, 3"
                                for name in form.names[len(pictures):]]  # fmt: skip
    assert form.names[: len(pictures)] == pictures
    assert len(form.parameter_components) == len(form.names) - len(pictures)
    with pytest.raises(BadParameter, match="steps"):
        form.fill(recipe.model_copy(update={"parameters": {"steps": 0}}))


def test_form_method_id_equal_to_group() -> None:
    for id in ("settings", "finish"):
        form = _form(type("Named", (Blend,), {"id": id}))
        assert form.names == _form().names and len(form.components) == len(form.names)


def test_endpoint_names_and_defaults_from_declaration(site: Site) -> None:
    endpoints = site.client.view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {"/blend", "/crash", "/dream", "/fill", "/grid", "/batch", "/video"}
    given = {p["parameter_name"]: p["parameter_default"] for p in endpoints["/blend"]["parameters"]}
    assert list(given)[:4] == ["content", "style", "style_2", "style_3"]
    assert given["steps"] == 4 and given["style_blend"] == ""
    assert given["size"] == 512 and given["strength"] == 1.0
    assert all(p["parameter_has_default"] for p in endpoints["/blend"]["parameters"])


def test_endpoint_described_in_words(site: Site) -> None:
    answer = httpx.get(f"{site.url}gradio_api/info")
    assert (
        "__i18n__" not in answer.text
        and "__i18n__" not in httpx.get(f"{site.url}gradio_api/openapi.json").text
    )
    given = answer.json()["named_endpoints"]["/blend"]["parameters"]
    told = {one["parameter_name"]: one for one in given}
    assert told["content"]["label"] == "Content" and told["size"]["label"] == "Size (px)"
    assert told["content"]["python_type"]["description"] == "A photograph."
    for told_in in ("python_type", "type"):
        assert "0 to 5, default 0" in told["pause"][told_in]["description"]
    assert told["style_blend"]["python_type"]["description"].startswith("One a style.")


def test_endpoint_omits_what_does_not_apply(site: Site) -> None:
    endpoints = site.client.view_api(return_format="dict")["named_endpoints"]
    dream, fill = (
        [p["parameter_name"] for p in endpoints[name]["parameters"]] for name in ("/dream", "/fill")
    )
    assert dream[0] == "count" and fill[:3] == ["content", "mask", "count"]
    assert not {"strength", "keep_colours"} & {*dream, *fill}
    props = [one["props"] for one in httpx.get(f"{site.url}config").json()["components"]]
    ids = {one.get("elem_id") for one in props}
    assert "blend-to-dream" not in ids
    assert {"fill-rack", "fill-to-blend", "dream-to-blend", "fill-mask-drawn"} <= ids


def test_broken_plugin_tab_names_reason(site: Site) -> None:
    call = f"{site.url}gradio_api/call/v2/dream"
    body = {"count": 1, "size": 64, "backend": "fake"}
    queued = httpx.post(call, json=body).json()["event_id"]
    answer = httpx.get(f"{call}/{queued}", timeout=30).text
    assert '"seed": 0' in answer and '"hue": 0.5' in answer
    config = httpx.get(f"{site.url}config").json()
    props = [one["props"] for one in config["components"]]
    assert any("acme" in str(one.get("label")) for one in props)
    assert any("broken-0" in str(one.get("value")) for one in props)
    assert "no module named &lt;nothing&gt;" in config["i18n_translations"]["en"]["broken-0"]


@pytest.mark.slow
def test_page_under_root_path(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_ROOT_PATH", "/styles")
    under = Site(tmp_path)  # closed with the other
    assert httpx.get(f"{under.url}config").json()["root"].endswith("/styles")
    assert not httpx.get(f"{site.url}config").json()["root"].endswith("/styles")


# What HTTP answers --------------------------------------------------------------------------


def test_http_gives_picture_and_report(site: Site, content: Any, style: Any) -> None:
    path, report = site.client.predict(
        content=content, style=style, size=80, steps=3, backend="fake", api_name="/blend"
    )
    assert report["width"] == report["height"] == 80 and report["steps"] == 3
    assert report["backend"] == "fake" and not report["cancelled"]
    with Image.open(path) as made:
        assert made.format == "PNG" and made.size == (80, 80)
    text = image.read_recipe(path)
    assert text is not None
    recipe = Recipe.from_json(text)
    assert recipe.parameters["steps"] == 3 and recipe.size == 80
    most = longest(site.engine.catalogue.get("blend"), 80)  # every border reads no larger
    pictures = {
        slot: [image.read(file["path"], longest=most[slot])]
        for slot, file in (("content", content), ("style", style))
    }
    *_, last = site.engine.run(recipe, pictures)
    expected = image.read(image.encode(last.images[0])).pixels
    assert np.array_equal(image.read(path).pixels, expected), "same recipe, another picture"


def test_http_gives_scores_if_asked(site: Site, content: Any, style: Any) -> None:
    given = {"content": content, "style": style, "size": 64, "steps": 1, "backend": "fake"}
    _, asked = site.client.predict(**given, scores=True, api_name="/blend")
    _, usual = site.client.predict(**given, api_name="/blend")
    assert set(asked["scores"]) == {"style_gain", "content_kept"} and not usual["scores"]
    endpoints = site.client.view_api(return_format="dict")["named_endpoints"]
    assert "scores" not in [one["parameter_name"] for one in endpoints["/fill"]["parameters"]]


def test_first_values_shown_by_the_page_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoints = site.client.view_api(return_format="dict")["named_endpoints"]
    told = {one["parameter_name"]: one for one in endpoints["/dream"]["parameters"]}
    assert (told["seed"]["parameter_default"], told["hue"]["parameter_default"]) == (0, 0.5)
    _, report = site.client.predict(count=1, size=64, backend="fake", api_name="/dream")
    assert report["recipe"]["seed"] == 0 and report["recipe"]["parameters"]["hue"] == 0.5
    config = httpx.get(f"{site.url}config").json()["components"]
    props = {one["props"].get("elem_id"): one["props"] for one in config}
    shown = [props[f"dream-{name}"]["value"] for name in ("settings-seed", "hue")]
    assert shown == [5, 0.25]
    monkeypatch.setattr(Dream, "first", {"size": 4096})
    with gr.Blocks():
        form = Form(Dream(), Texts(), narrowed(Settings, "size", 1024))
        form.parameters(advanced=False)
        form.parameters(advanced=True)
    values = {one.elem_id: one.value for one in form.parameter_components}
    assert values["dream-settings-size"] == 512, "the page does not allow more than 1024"


def test_http_gives_sheet_and_animation(site: Site) -> None:
    path, report = site.client.predict(count=4, size=64, seed=5, backend="fake", api_name="/dream")
    assert report["count"] == 4 and report["width"] == 64
    text = image.read_recipe(path)
    assert text is not None
    *_, final = site.engine.run(Recipe.from_json(text), {})
    expected = image.read(image.encode(grid(final.images))).pixels
    assert np.array_equal(image.read(path).pixels, expected)

    path, report = site.client.predict(walk=6, size=64, backend="fake", api_name="/dream")
    assert report["fps"] > 0 and report["count"] == 6 and image.read_recipe(path)
    with Image.open(path) as moving:
        assert moving.format == "WEBP" and moving.n_frames == 6  # type: ignore[attr-defined]


def test_http_mask_is_a_picture(site: Site, content: Any, tmp_path: Path) -> None:
    half = np.zeros((96, 96, 3), np.uint8)
    half[:48] = 255
    Image.fromarray(half).save(tmp_path / "mask.png")
    mask = handle_file(tmp_path / "mask.png")
    path, _ = site.client.predict(
        content=content, mask=mask, size=64, backend="fake", api_name="/fill"
    )
    assert image.read(path).pixels.shape == (64, 64, 3)
    assert site.fill.masks[0].mean() == pytest.approx(0.5, abs=0.02)
    tall = handle_file(picture(tmp_path, "tall.png", RED))
    Image.open(tmp_path / "tall.png").crop((0, 0, 40, 96)).save(tmp_path / "tall.png")
    with pytest.raises(AppError, match="'mask' is .* proportions of 'content'"):
        site.client.predict(content=content, mask=tall, size=64, api_name="/fill")


def test_http_transparency_is_mask(site: Site, tmp_path: Path) -> None:
    pixels = np.full((96, 96, 4), 255, np.uint8)
    pixels[:48, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "half.png")
    half = handle_file(tmp_path / "half.png")
    path, _ = site.client.predict(content=half, size=64, backend="fake", api_name="/fill")
    assert site.fill.masks[0].mean() == 0.5 and image.read(path).alpha is None


def test_http_several_styles_by_name(site: Site, content: Any, style: Any, tmp_path: Path) -> None:
    green = handle_file(picture(tmp_path, "green.png", (0, 220, 0)))
    path, _ = site.client.predict(
        content=content, style=style, style_2=green, size=64, backend="fake", api_name="/blend"
    )
    half = np.asarray(Image.open(path)).mean((0, 1))
    assert np.abs(half - (np.array(RED) + [15, 125, 100]) / 2).max() < 8


@pytest.mark.slow
def test_http_progress_on_the_way(site: Site, content: Any, style: Any) -> None:
    job = site.client.submit(
        content=content, style=style, size=64, steps=4, pause=0.4, api_name="/blend"
    )
    seen = [report for _, report in job]
    assert len(seen) > 2 and seen[-1]["steps"] == 4
    steps = [one["step"] for one in seen if "step" in one]
    assert steps == sorted(steps)


@pytest.mark.slow
def test_http_eight_visitors_get_their_own(site: Site, tmp_path: Path) -> None:
    colours = [(r, g, b) for r in (20, 230) for g in (20, 230) for b in (20, 230)]

    def visit(number: int) -> np.ndarray:
        own = handle_file(picture(tmp_path, f"own{number}.png", colours[number]))
        path, report = site.visitor().predict(
            content=own, style=own, size=64, steps=3, pause=0.05, seed=number,
            backend="fake", api_name="/blend",
        )  # fmt: skip
        assert report["recipe"]["seed"] == number
        return np.asarray(Image.open(path)).mean((0, 1))

    with ThreadPoolExecutor(8) as visitors:
        means = list(visitors.map(visit, range(8)))
    for colour, mean in zip(colours, means, strict=True):
        assert np.abs(mean - colour).max() < 12, f"{colour} got {mean}"


@pytest.mark.slow
def test_http_cancelled_call_stops_engine(site: Site, content: Any, style: Any) -> None:
    client = site.visitor()
    job = client.submit(
        content=content, style=style, size=64, steps=200, pause=0.1, api_name="/blend"
    )
    assert wait(lambda: site.blend.running == 1)
    job.cancel()
    client.close()
    assert wait(lambda: site.blend.running == 0, 12), "the engine goes on for nobody"


@pytest.mark.parametrize("kind", ["tiff", "avif", "heic"])
def test_http_accepts_every_format(site: Site, style: Any, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"picture.{kind}"
    if kind == "heic":
        path.write_bytes(Path(__file__).with_name("quarters.heic").read_bytes())
    else:
        Image.new("RGB", (32, 16), RED).save(path)
    call = {"content": handle_file(path), "style": style, "size": 64, "backend": "fake"}
    result, _ = site.client.predict(**call, api_name="/blend")
    assert Image.open(result).size == (64, 32)


@pytest.mark.slow
def test_preview_of_tiff_and_avif_is_png(site: Site, tmp_path: Path) -> None:
    def asked(path: Path, accept: str) -> bytes:
        upload = httpx.post(f"{site.url}gradio_api/upload", files={"files": path.open("rb")}).json()
        url = f"{site.url}gradio_api/file={upload[0]}"
        return httpx.get(url, headers={"Accept": accept}).raise_for_status().content

    large = Image.new("RGB", (1600, 800), RED)
    for kind in ("tif", "avif", "png", "bmp"):
        path = tmp_path / f"large one.{kind}"
        large.save(path)
        shown = Image.open(io.BytesIO(asked(path, "image/webp,*/*")))
        if kind in ("tif", "avif"):
            assert (shown.format, shown.size) == ("PNG", (1024, 512))
        else:
            assert shown.size == (1600, 800)
        assert asked(path, "*/*") == path.read_bytes(), "who wants the file gets it"
        if kind == "avif":
            assert asked(path, "image/avif,*/*") == path.read_bytes()
    for name, data in (("note.tif", b"dear diary"), ("cut.tif", path.read_bytes()[:300])):
        assert asked(_file(tmp_path / name, data), "image/webp") == data


def test_preview_of_server_file_refused(site: Site, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), RED).save(tmp_path / "secret.tif")
    url = f"{site.url}gradio_api/file={tmp_path / 'secret.tif'}"
    assert httpx.get(url, headers={"Accept": "image/webp"}).status_code == 403
    assert [path.name for path in tmp_path.iterdir()] == ["secret.tif"]


# Bad input: a clear sentence ----------------------------------------------------------------


def _cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:300])
    return path


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: _file(folder / "empty.png", b""), "empty"),
        (lambda folder: _file(folder / "note.png", b"dear diary"), "picture"),
        (lambda folder: _cut(picture(folder, "cut.png", RED)), "damaged|incomplete|truncated"),
    ],
    ids=["empty", "text", "truncated"],
)
def test_http_bad_file_refused(
    site: Site, style: Any, tmp_path: Path, make: Any, says: str
) -> None:
    with pytest.raises(AppError, match=says) as refused:
        site.client.predict(
            content=handle_file(make(tmp_path)), style=style, backend="fake", api_name="/blend"
        )
    assert "Traceback" not in str(refused.value) and "/tmp" not in str(refused.value)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"steps": 0}, "steps = 0.*1 to 400"),
        ({"steps": 1000}, "steps = 1000"),
        ({"steps": "many"}, "steps = 'many'"),
        ({"pause": "nan"}, "pause.*finite"),
        ({"mood": "sad"}, "mood = 'sad'.*calm"),
        ({"style_blend": "1, x"}, "style_blend"),
        ({"size": 9000}, "size = 9000.*64 to 8192"),
        ({"strength": 2}, "strength = 2"),
        ({"style": None}, "style"),
        ({"content": None}, "content"),
    ],
    ids=lambda value: next(iter(value.items()), "") if isinstance(value, dict) else "",
)
def test_http_bad_value_refused(
    site: Site, content: Any, style: Any, values: dict[str, Any], says: str
) -> None:
    call = {"content": content, "style": style, "backend": "fake"} | values
    with pytest.raises(AppError, match=says) as refused:
        site.client.predict(**call, api_name="/blend")
    assert "Traceback" not in str(refused.value)


def _upload(site: Site, file: Any) -> dict[str, Any]:
    """A file uploaded by hand, as a call names it."""
    sent = {"files": Path(file["path"]).read_bytes()}
    return {"path": httpx.post(f"{site.url}gradio_api/upload", files=sent).json()[0]}


def _answer(site: Site, call: str, body: Any) -> str:
    """What a call over HTTP ends with."""
    url = f"{site.url}gradio_api/call/{call}"
    queued = httpx.post(url, json=body).json()["event_id"]
    told = httpx.get(f"{url}/{queued}", timeout=30).text
    return str(json.loads(told.rpartition("data: ")[2])["error"])


BASE64 = "data:image/png;base64," + 400 * "iVBORw0KGgo"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda mine: {"content": BASE64},
            r"content = 'data:image/png;.*… is not an upload.*upload",
        ),
        (lambda mine: {"content": BASE64[22:]}, "content = 'iVBOR.*… is not an upload"),
        (lambda mine: {"content": {"url": BASE64}}, "content = .* is not an upload"),
        (lambda mine: {"content": {"path": 7}}, "content = .* is not an upload"),
        (lambda mine: {"content": 3}, "content = 3 is not an upload"),
        (lambda mine: {"style": [mine, mine]}, "style is a list.*style_2, style_3"),
        (lambda mine: {"style": [[mine, None]]}, "style is a list"),
        (lambda mine: {"style_2": []}, r"style_2 = \[\] is not an upload"),
    ],
)
def test_http_picture_no_upload_refused(site: Site, content: Any, make: Any, says: str) -> None:
    """Gradio looks at files before our code does, and would answer the error "null"."""
    mine = _upload(site, content)
    call = {"content": mine, "style": mine, "backend": "fake", "size": 64} | make(mine)
    told = _answer(site, "v2/blend", call)
    assert re.match(says, told), told
    with pytest.raises(AppError, match=says):
        site.client.predict(**call, api_name="/blend")


def test_http_wrong_number_of_values_refused(site: Site, content: Any) -> None:
    mine = _upload(site, content)
    for given in ([], [mine, mine], 25 * [None]):
        told = _answer(site, "blend", {"data": given})
        assert told.startswith(f"got {len(given)} values; /blend takes 24 in this order: content,")


def test_http_unknown_parameter_refused(site: Site) -> None:
    answer = httpx.post(f"{site.url}gradio_api/call/v2/blend", json={"stepz": 3})
    assert answer.status_code == 422
    assert "stepz" in answer.json()["error"]


def test_http_failing_plugin_hides_details(site: Site, content: Any, style: Any) -> None:
    with pytest.raises(AppError, match=r"[Cc]rash|fail") as refused:
        site.client.predict(content=content, style=style, size=64, api_name="/crash")
    assert "Traceback" not in str(refused.value)
    path, _ = site.client.predict(
        content=content, style=style, size=64, backend="fake", api_name="/blend"
    )
    assert Path(path).stat().st_size


# What a visitor cannot do -------------------------------------------------------------------


@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}], ids=["bare", "meta"])
def test_http_server_path_refused(
    site: Site, style: Any, tmp_path: Path, meta: dict[str, Any]
) -> None:
    secret = picture(tmp_path, "secret.png", (250, 250, 0))
    upload = httpx.post(
        f"{site.url}gradio_api/upload", files={"files": Path(style["path"]).read_bytes()}
    ).json()[0]
    mine = {"path": upload, "meta": {"_type": "gradio.FileData"}}
    queued = httpx.post(
        f"{site.url}gradio_api/call/v2/blend",
        json={"content": {"path": str(secret), **meta}, "style": mine, "size": 64},
    ).json()["event_id"]
    answer = httpx.get(f"{site.url}gradio_api/call/v2/blend/{queued}", timeout=30).text
    assert "event: error" in answer and "event: complete" not in answer, answer


def test_http_other_files_not_served(site: Site, tmp_path: Path) -> None:
    secret = picture(tmp_path, "secret.png", RED)
    for path in (secret, Path("/etc/passwd")):
        assert httpx.get(f"{site.url}gradio_api/file={path}").status_code == 403


def test_uploaded_accepts_upload_folder_only(tmp_path: Path) -> None:
    from gradio.utils import get_upload_folder

    inside = Path(get_upload_folder()) / "abc" / "a.png"
    inside.parent.mkdir(exist_ok=True)
    inside.touch()
    assert uploaded({"path": str(inside)}) == inside.resolve()
    for path in ("/etc/passwd", str(inside / "../../../x.png"), "", None, 3):
        with pytest.raises(BadImage, match="upload"):
            uploaded({"path": path})
    with pytest.raises(BadImage):
        uploaded("x.png")


def test_drawing_mask_from_uploads_only(tmp_path: Path) -> None:
    from gradio.utils import get_upload_folder

    with gr.Blocks():
        drawing = Drawing("some", "Find")
    folder = Path(get_upload_folder()) / "drawn"
    folder.mkdir(parents=True, exist_ok=True)
    for name, alpha in (("some", 255), ("none", 0), ("all", 255)):
        layer = np.full((20, 30, 4), 200, np.uint8)
        layer[:, :, 3] = alpha
        if name == "some":
            layer[:10, :, 3] = 0
        Image.fromarray(layer).save(folder / f"{name}.png")

    def drawn(path: object) -> Any:
        return drawing.masks({"background": None, "layers": [{"path": str(path)}]})

    (some,), (whole,) = drawn(folder / "some.png"), drawn(folder / "all.png")
    assert some.pixels.shape == (20, 30, 3) and some.alpha is None
    assert (some.pixels[:10] == 0).all() and (some.pixels[10:] == 1).all()
    assert (whole.pixels == 1).all() and drawn(folder / "none.png") == []
    for nothing in (None, {}, {"layers": []}, {"layers": None}, "x", {"id": "a"}):
        assert drawing.masks(nothing) == []
    secret = picture(tmp_path, "secret.png", RED)
    for path in (secret, "/etc/passwd", None):
        with pytest.raises(BadImage, match="upload"):
            drawn(path)
    for layers in ("abc", {"path": 1}, 7):
        with pytest.raises(BadImage):
            drawing.masks({"layers": layers})


def test_drawing_mask_of_each_colour(tmp_path: Path) -> None:
    """In their order, also where a colour between them is not used, and with soft borders."""
    from gradio.utils import get_upload_folder

    with gr.Blocks():
        drawing = Drawing("some", masks=4)
    layer = np.zeros((20, 30, 4), np.uint8)
    for number, alpha, columns in ((0, 255, slice(0, 6)), (2, 128, slice(10, 16))):
        ink = [int(INKS[number][i : i + 2], 16) for i in (1, 3, 5)]
        layer[:, columns] = [*ink, alpha]
    path = Path(get_upload_folder()) / "colours.png"
    Image.fromarray(layer).save(path)
    masks = drawing.masks({"layers": [{"path": str(path)}]})
    assert len(masks) == 3
    expected = ((1, slice(0, 6)), (0, slice(0)), (0.5, slice(10, 16)))
    for mask, (value, columns) in zip(masks, expected, strict=True):
        known = np.zeros((20, 30))
        known[:, columns] = value
        assert np.abs(mask.pixels[:, :, 0] - known).max() < 0.01


def test_drawing_waits_until_seen_and_keeps_strokes() -> None:
    """Nothing happens before it is seen; then only another picture clears the strokes."""
    from gradio.utils import get_upload_folder

    with gr.Blocks():
        drawing = Drawing("some", "Find")
    changed, opened = drawing.changed, drawing.opened
    folder = Path(get_upload_folder()) / "below"
    folder.mkdir(parents=True, exist_ok=True)
    one, two = ({"path": str(picture(folder, f"{name}.png", RED))} for name in "ab")
    assert changed(one, None) == gr.skip()
    below, editor, find = opened(one, None)
    assert editor["visible"] and find["visible"] and Path(editor["value"]["background"]).is_file()
    assert opened(one, below) == gr.skip()
    below, editor, _ = changed(two, below)
    assert editor["visible"] and opened(two, below) != gr.skip()
    assert changed({"path": "/etc/passwd"}, below)[1]["visible"] is False
    assert opened("x", None)[1]["visible"] is False


def test_unseen_events_animate_nothing(site: Site) -> None:
    """Gradio draws the progress of each output at every frame, also if it is hidden."""
    events = site.client.config["dependencies"]
    hidden = [one for one in events if one["show_progress"] == "hidden"]
    assert len(hidden) > 20 and not any(one["show_progress_on"] != [] for one in hidden)


def test_render_escapes_html() -> None:
    history = {"<script>": [(1, 2.0), (2, 1.0)], "bad": [(1, math.nan)], "zero": [(1, 0.0)]}
    drawn = render.plot(history)
    assert "<script>" not in drawn and "&lt;script&gt;" in drawn and "nan" not in drawn
    assert render.plot({}) == "" and render.plot({"a": [(1, math.inf)]}) == ""
    assert "<i>" not in render.line("<i>note")


@pytest.mark.parametrize(
    ("to", "words"), [("en", "earlier runs on this machine (3)"), ("zh", "（3 次）")]
)
def test_render_plan_in_one_language(to: Any, words: str) -> None:
    told = render.plan(Plan(3.0, 900.0, 64, 48, 3), to)
    assert words in told and "sp-warn" not in told
    assert say("plan_guess", to) in render.plan(Plan(None, None, 64, 48), to)
    short = render.plan(Plan(3.0, 9000.0, 512, 512, 3, short=True, smaller=358), to)
    assert "358" in short and "sp-warn" in short
    assert render.plan(Plan(None, None, 0, 0, waiting="Content"), to) == ""


# A run as the page shows it -----------------------------------------------------------------


def _frames(closed: list[bool], count: int = 50) -> Iterator[Frame]:
    try:
        for step in range(1, count + 1):
            shown = np.full((8, 8, 3), step / count, np.float32)
            yield Frame(step, count, (shown,), metrics={"loss": 1 / step}, final=step == count)
    finally:
        closed.append(True)


def test_follow_thins_frames_keeps_last() -> None:
    closed: list[bool] = []
    moments = list(follow(_frames(closed), threading.Event()))
    assert len(moments) == 2, "first and last: the others came too fast to be seen"
    assert moments[-1].frame.final and moments[-1].picture is not None
    assert len(moments[-1].history["loss"]) == 50
    assert closed


def test_follow_preview_sheet_or_newest() -> None:
    shades = [np.full((8, 8, 3), shade, np.float32) for shade in (0.1, 0.9)]
    for fps, shape, shade in ((0.0, (8, 8 + 8 + GAP, 3), 0.1), (5.0, (8, 8, 3), 0.9)):
        frames = iter([Frame(1, 2, tuple(shades), fps=fps)])
        (moment,) = follow(frames, threading.Event())
        assert moment.picture is not None and moment.picture.shape == shape
        assert moment.picture[0, 0, 0] == np.float32(shade)


def test_time_left_from_plan_then_pace() -> None:
    def left(step: int, expected: float | None) -> float:
        seconds = _left(Frame(step, 100), (0.0, 0), step / 10, expected)
        assert seconds is not None
        return seconds

    assert left(20, None) == pytest.approx(8)
    assert left(1, 60) == pytest.approx(60, rel=0.02)
    assert left(99, 60) == pytest.approx(0.1 * 0.99 + 0.01 * (60 - 9.9))
    assert left(50, 1) == pytest.approx(2.5)
    assert _left(Frame(0, 100), (0.0, 0), 1.0, 60) is None


def test_follow_closed_stops_run() -> None:
    closed: list[bool] = []
    cancel = threading.Event()
    moments = follow(_frames(closed), cancel)
    next(moments)
    moments.close()  # type: ignore[attr-defined]
    assert cancel.is_set() and closed == [True]
