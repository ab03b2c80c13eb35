"""All tabs with what connects them, for a page of our own or a part of another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from styleplug.core.errors import StyleplugError, UsageError, WeightError
from styleplug.engine.grid_request import transfers
from styleplug.engine.video import painters
from styleplug.system.extras import missing
from styleplug.training import load_task, task_ids
from styleplug.ui import reopen, scripts, strip
from styleplug.ui.access import heading
from styleplug.ui.context import PageContext
from styleplug.ui.events import UNSEEN
from styleplug.ui.gallery_tab import GalleryTab
from styleplug.ui.grid_endpoint import publish
from styleplug.ui.grid_form import KINDS
from styleplug.ui.grid_tab import GridTab
from styleplug.ui.i18n import Texts
from styleplug.ui.kept import Gallery
from styleplug.ui.runs import Runs
from styleplug.ui.sharing import Shared, Updates
from styleplug.ui.tab import Tab
from styleplug.ui.video_endpoint import publish as publish_video
from styleplug.ui.video_run import VideoRunner
from styleplug.ui.video_tab import TAB as VIDEO
from styleplug.ui.video_tab import VideoTab

if TYPE_CHECKING:
    from styleplug.engine import Engine


def fill(page: gr.Blocks, context: PageContext) -> None:
    """Build all tabs at this place of a page that is being built."""
    _learn_earlier(context.engine, context.train)
    engine, texts = context.engine, context.texts
    shared, runs = Shared(context.offers), Runs(context.traffic, context.path)
    painter = VideoRunner(context)
    scripts.load(texts)
    results = strip.strip(texts)
    tabs: list[Tab] = []
    others: list[GridTab | VideoTab] = []
    # Only tabs may be inside: gradio counts its tabs by place and shows some twice otherwise.
    with gr.Tabs(overflow_behavior="wrap", elem_classes="sp-shelf") as shelf:
        for method in engine.catalogue.methods.values():
            title = texts.add(f"method.{method.id}.title", method.title)
            with gr.Tab(title, id=method.id, elem_id=f"tab-{method.id}"):
                tabs.append(Tab(method, context, page, runs, results))
            shared.join(tabs[-1].form.shared_pictures)
        for kind in KINDS if transfers(engine.catalogue) else ():
            with gr.Tab(texts.own(f"grid_{kind}"), id=kind, elem_id=f"tab-{kind}"):
                many = GridTab(kind, context, runs)
                many.connect(tabs, shared, shelf)
                others.append(many)
        video = _show_video(context, painter, tabs, runs, shared, shelf)
        if context.gallery is not None:
            _show_gallery(context.gallery, tabs, texts, shelf)
        _show_broken(engine, texts)
        if context.train is not None:
            _show_train(context.train, engine, tabs, texts, page)
    shared.connect(page)
    for tab in tabs:
        tab.connect(shared, shelf)
    reopen.connect(tabs, shelf)
    _find_run(runs, [*tabs, *others, *video], shelf, page)
    results.render()  # type: ignore[no-untyped-call]
    strip.connect(results, tabs, shared, shelf)
    if video:
        publish_video(context, painter)
    publish(context)


def _show_video(
    context: PageContext,
    runner: VideoRunner,
    tabs: Sequence[Tab],
    runs: Runs,
    shared: Shared,
    shelf: gr.Tabs,
) -> list[VideoTab]:
    """Build the tab Video; if packages are missing, with the reason, and nothing is returned."""
    if not painters(context.engine.catalogue):
        return []
    texts = context.texts
    with gr.Tab(texts.own("video"), id=VIDEO, elem_id=f"tab-{VIDEO}") as tab:
        if lacking := missing("video", "video"):
            heading(texts, texts.own("video"), texts.own("video_summary"))
            said = texts.message("video-missing", lacking)
            gr.HTML(f'<p class="sp-line sp-error">{said}</p>', padding=False)
            return []
        video = VideoTab(context, runner, tabs, runs)
    shared.join(video.shared_pictures)
    video.connect(tab, shared, shelf)
    return [video]


def _show_gallery(gallery: Gallery, tabs: Sequence[Tab], texts: Texts, shelf: gr.Tabs) -> None:
    """Build the tab Gallery."""
    with gr.Tab(texts.own("gallery"), id="gallery", elem_id="tab-gallery"):
        kept = texts.own("gallery_kept", folder=gallery.folder.name)
        heading(texts, texts.own("gallery"), kept)
        GalleryTab(gallery, tabs, texts, shelf)


def _show_broken(engine: Engine, texts: Texts) -> None:
    """Build a tab with the reason for each plug-in that failed."""
    for number, (name, why) in enumerate(engine.catalogue.broken.items()):
        with gr.Tab(f"⚠ {name}", elem_id=f"tab-broken-{name}"):
            gr.Markdown(texts.own("broken"), elem_classes="sp-summary")
            said = texts.message(f"broken-{number}", why)
            gr.HTML(f'<p class="sp-line sp-error">{said}</p>', padding=False)


def _find_run(
    runs: Runs, tabs: Sequence[Tab | GridTab | VideoTab], shelf: gr.Tabs, page: gr.Blocks
) -> None:
    """When the page is loaded, show the visitor's newest run again, if it is still known.

    Usually there is none, and the second event does not happen: an event with so many outputs takes
    a browser time even if it changes nothing.  The first event is queued; without a queue, gradio
    does not report that the state has changed.
    """
    named = {tab.id: tab for tab in tabs}
    known = gr.State(False)

    def again(token: object) -> Iterator[Updates]:
        found = runs.find(token)
        if found is None:
            yield {shelf: gr.update()}  # without a value, gradio would empty all components
            return
        tab, updates, cancel = found
        yield {shelf: gr.update(selected=tab)}
        yield from named[tab].buttons.again(updates, cancel)

    page.load(lambda token: runs.find(token) is not None, runs.kept, known, **UNSEEN)
    known.change(
        again,
        runs.kept,
        [shelf, *(component for tab in tabs for component in tab.buttons.changing)],
        concurrency_limit=None,
        **UNSEEN,
    )


def _show_train(
    folder: Path, engine: Engine, tabs: Sequence[Tab], texts: Texts, page: gr.Blocks
) -> None:
    """Build the tab Train; if packages are missing or tasks are broken, with the reason."""
    tasks, broken = {}, {}
    for id in task_ids():
        try:
            task = load_task(id)
            if not task.needs_teacher:
                tasks[id] = task
        except StyleplugError as error:
            broken[str(error)] = error  # the same reason is shown only once
    with gr.Tab(texts.own("train"), id="train", elem_id="tab-train"):
        for number, why in enumerate(broken):
            gr.Markdown(texts.own("train_broken"), elem_classes="sp-summary")
            said = texts.message(f"task-broken-{number}", why)
            gr.HTML(f'<p class="sp-line sp-error">{said}</p>', padding=False)
        if tasks:  # what these import may be missing
            from styleplug.ui.train import TrainTab
            from styleplug.ui.trainer import Trainer

            forms = {tab.form: partial(engine.trained_for, tab.method) for tab in tabs}
            trainer = Trainer(folder, partial(_learn, engine), engine.forget_trained)
            TrainTab(tasks, trainer, texts, page, forms)


def _learn_earlier(engine: Engine, train: Path | None) -> None:
    """Add the results of earlier training."""
    for folder in sorted(train.glob("*/")) if train else ():
        _learn(engine, folder)


def _learn(engine: Engine, folder: Path) -> None:
    """Add a training result to the engine; folders without one are ignored."""
    with suppress(UsageError, WeightError):
        engine.add_trained(folder)
