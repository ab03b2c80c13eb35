"""What belongs to a visitor: pictures in all tabs, names of files, what happens after an hour."""

from __future__ import annotations

import secrets
from pathlib import Path

import gradio as gr
import pytest
from gradio.utils import get_upload_folder
from samples import Fill
from serve import Blend

from styleplug.core.errors import BadImage
from styleplug.ui.form import Form
from styleplug.ui.handover import _takers
from styleplug.ui.i18n import Texts
from styleplug.ui.offers import Offers
from styleplug.ui.results import short_name
from styleplug.ui.sharing import Shared, _again
from styleplug.ui.uploads import uploaded


@pytest.fixture
def upload(tmp_path: Path):
    """Makes an upload with a name; gives it as the browser sends it."""

    def make(name: str) -> dict[str, str]:
        path = Path(get_upload_folder()) / secrets.token_hex(8) / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
        return {"path": str(path)}

    return make


@pytest.fixture
def form():
    with gr.Blocks():
        form = Form(Blend(), Texts())
        form.pictures()
    return form


def test_upload_deleted_is_said(upload) -> None:
    gone = upload("photo.jpg")
    Path(gone["path"]).unlink()
    with pytest.raises(BadImage, match="no longer kept"):
        uploaded(gone)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("lion.jpg", "lion"),
        ("my photo (1).jpg", "my-photo-1"),
        ("a" * 99 + ".png", "a" * 24),
        ("\u72ee\u5b50.png", "\u72ee\u5b50"),
        ("x\u202e\x07/../y.png", "y"),
        ("---.png", ""),
    ],
)
def test_short_name_of_upload(name: str, short: str) -> None:
    assert short_name(Path(name)) == short


def test_title_names_pictures_and_method(form, upload) -> None:
    values = dict.fromkeys(form.names)
    assert form.title(values) == "blend"
    values |= {"content": upload("lion.jpg"), "style": upload("waves.png")}
    values["style_2"] = upload("other.png")
    assert form.title(values) == "lion-waves-blend"


def test_shared_put_reaches_all_places(upload) -> None:
    with gr.Blocks():
        shared, one, other, style = Shared(Offers()), gr.Image(), gr.Image(), gr.Image()
    shared.join({"content": one, "style": style})
    shared.join({"content": other})
    photo, gone = upload("photo.png"), upload("gone.png")
    updates = shared.put({"content": Path(photo["path"]), "mask": Path("x")}, {"style": gone})
    assert {one: photo["path"], other: photo["path"]}.items() <= updates.items()
    news = updates[shared.news]
    assert news["content"]["path"] == photo["path"] and "mask" not in news

    kept = {"content": news["content"], "style": gone}
    assert _again(kept) == [photo["path"], gone["path"]]
    Path(gone["path"]).unlink()
    assert _again(kept | {"more": {"path": "/etc/passwd"}}) == [photo["path"]]
    assert _again("nonsense") == []


def test_handover_to_methods_that_take_it() -> None:
    blend, fill = Blend(), Fill()
    takers = _takers(blend, [blend, fill])
    assert takers == {"pictures": {"fill"}, "style": {"blend"}, "content": {"blend", "fill"}}
