"""The texts of the page, and their translation to the language of the visitor.

The browser translates the texts that are on the page from the start (`Texts`, `gr.I18n`).  The
server writes messages during a run in the language that the browser asks for (`language`, `say`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

from styleplug.core.method import Method
from styleplug.locale import ENGLISH, catalogue, languages

Language = str  # one of `styleplug.locale.languages`

WORDS = {
    "tagline": "Turn photographs into pictures in any style",
    "skip": "Skip to the button Run",
    "examples": "Try one of these",
    "name_number": "number",
    "name_slider": "slider",
    "name_reset": "back to the default",
    "name_upload": "choose a file",
    "name_paste": "paste",
    "name_remove": "remove",
    "name_full": "full screen",
    "name_undo": "undo",
    "examples_kept": "Your pictures stay. Remove one to use that of the example.",
    "photo_tower": "Tower",
    "photo_lion": "Lion",
    "photo_cheetah1": "Cheetah in the grass",
    "photo_cheetah": "Running cheetah",
    "rack_styles": "Styles: a click changes the style only",
    "rack_folder": "Styles of this page",
    "rack_page": "{first} to {last} of {total}",
    "rack_before": "Back",
    "rack_after": "Further",
    "rack_broken": "Left out, because they cannot be read: {names}.",
    "rack_first": "Only the first {n} pictures of the folder are offered.",
    "style_night": "Night",
    "style_lilies": "Lilies",
    "style_glass": "Stained glass",
    "style_waves": "Waves",
    "style_mosaic": "Mosaic",
    "style_watercolour": "Watercolour",
    "style_halftone": "Halftone",
    "style_points": "Points",
    "style_cubist": "Cubist",
    "style_woodcut": "Woodcut",
    "style_marbling": "Marbling",
    "style_hatching": "Hatching",
    "presets": "Presets",
    "preset_new": "Save …",
    "preset_name": "Name of the preset",
    "preset_save": "Save",
    "preset_import": "Import …",
    "preset_export": "Download as JSON",
    "preset_delete": "Delete",
    "preset_refused": "Your browser kept nothing: its storage is full or blocked.",
    "run": "Run",
    "stop": "Stop",
    "advanced": "Advanced",
    "explain": "What is this method?",
    "explain_drawing": "What goes into {title}, its networks, and what comes out",
    "explain_paper": "The paper",
    "result": "Result",
    "compare": "Before and after",
    "losses": "Losses",
    "download": "Download",
    "download_single": "Download picture {n}",
    "next": "Next",
    "next_pictures": "Try the same pictures in",
    "next_style": "Use the result as style in",
    "next_content": "Use the result as content in",
    "pictures": "{n} pictures",
    "signed": "Recipe in the file",
    "signed_help": (
        "The file then contains all settings, so that the same picture can be made again."
    ),
    "scored": "Scores",
    "scored_help": (
        "Compare the result with content and style: style_gain is 0 for the unchanged picture and "
        "1 for the full style; content_kept is 1 for the unchanged picture."
    ),
    "recipe": "Recipe",
    "reload": "Settings from a picture",
    "reload_help": "Drop a file made here, or a recipe as JSON, to restore all settings.",
    "another": "One more (optional)",
    "own_weights": "Weights of the method",
    "broken": "This plug-in cannot be used",
    "idle_free": "Press Run.",
    "idle": "Choose pictures, then press Run.",
    "starting": "Starting …",
    "ahead": "{n} runs before yours, about {time}",
    "ahead_one": "1 run before yours, about {time}",
    "stopping": "Stopping …",
    "stopped": "Stopped at step {step}. The picture so far is kept.",
    "stopped_early": "Stopped before the first picture.",
    "done": "Done in {time}",
    "step": "Step {step} of {steps}",
    "step_open": "Step {step}",
    "left": "{time} left",
    "seconds": "{n} s",
    "minutes": "{m} min {n} s",
    "plan": "About {time}",
    "plan_size": "{width} × {height} px",
    "plan_memory": "needs {memory} of memory",
    "plan_unknown": "The time can be estimated after the first run on this machine",
    "plan_guess": "A rough estimate: no such run was timed on this machine yet",
    "plan_runs": "Estimated from earlier runs on this machine ({n})",
    "plan_short": "Not enough free memory: {size} px will be tried instead",
    "plan_never": (
        "Not enough free memory, and a smaller size would not help: close other programs"
    ),
    "by": "{backend}, {provider}",
    "by_processor": "processor",
    "by_card": "graphics card",
    "peak": "peak {memory}",
    "headed": "{head}: {said}",
    "failed": "The run failed",
    "missing": "A picture is missing here.",
    "unforeseen": (
        "An unexpected error occurred: {error}. Your pictures and settings are kept; please try "
        "again."
    ),
    "restored": "Settings restored.",
    "restored_pictures": (
        "Settings restored. For the same result, add the same pictures: {pictures}."
    ),
    "grid_compare": "Compare",
    "compare_summary": (
        "Put methods side by side on one picture, in one or more styles. A click on a result opens "
        "it in the tab of its method, with all its settings."
    ),
    "grid_sweep": "Sweep",
    "sweep_summary": (
        "Try several values of one or two parameters, and find the best. A click on a result opens "
        "it in the tab of its method."
    ),
    "grid_batch": "Batch",
    "batch_summary": (
        "Paint many pictures and download them as a ZIP. After Stop, Run goes on where it stopped."
    ),
    "compare_idle": "Choose a picture and styles, then press Run.",
    "sweep_idle": "Choose a picture, a style and a parameter, then press Run.",
    "batch_idle": "Choose pictures and a style, then press Run.",
    "grid_content": "Content",
    "grid_photos": "Pictures to paint",
    "grid_own_styles": "Your own styles",
    "grid_methods": "Methods",
    "grid_method": "Method",
    "grid_axis_1": "Parameter",
    "grid_axis_2": "Second parameter (optional)",
    "grid_values": "Values",
    "grid_values_help": "1, 2, 3 or from:to:how many",
    "grid_best_by": "Mark the best by",
    "grid_style_score": "Style",
    "grid_content_score": "Content kept",
    "score_style": "style",
    "score_content": "content",
    "grid_open_help": (
        "Scores: style is 0 for the unchanged picture and 1 for the full style; content is 1 for "
        "the unchanged picture. Click on a result to open it."
    ),
    "grid_sheet": "Contact sheet",
    "grid_zip": "All as ZIP",
    "grid_count": "{n} of {total}",
    "grid_done": "{n} results in {time}",
    "grid_stopped": "Stopped: {n} of {total} results are kept.",
    "grid_failed": "{n} could not be made.",
    "grid_best": "Best: {label} ({scores})",
    "grid_running": "running",
    "grid_waiting": "waiting",
    "strip": "Your results",
    "strip_where": "Kept in this browser only; the oldest ones go first, those with a star last.",
    "strip_other": "Press ⇆ of another result to compare the two.",
    "strip_zip": "Download all as ZIP",
    "strip_star": "Keep longest",
    "strip_compare": "Compare with another result",
    "strip_restore": "Restore all settings",
    "strip_content": "Use as content",
    "strip_style": "Use as style",
    "strip_download": "Download",
    "strip_delete": "Remove",
    "strip_used_content": "This picture is now the content in all tabs.",
    "strip_used_style": "This picture is now the style in all tabs.",
    "gallery": "Gallery",
    "gallery_kept": "Every result is kept on this machine, in the folder {folder}.",
    "gallery_count": "{n} results",
    "gallery_none": "No results here yet.",
    "gallery_search": "Search by name",
    "gallery_all": "All methods",
    "gallery_open": "Open in its tab with all settings",
    "gallery_broken": "This file is not a picture.",
    "gallery_before": "Newer",
    "gallery_after": "Older",
    "gallery_page": "Page {n} of {total}",
    "size_draft": "Draft",
    "size_screen": "Screen",
    "size_print": "Print",
    "dice": "Another random number",
    "reset": "Reset all settings",
    "undo": "Undo",
    "before": "Before",
    "zoom_in": "Zoom in",
    "zoom_out": "Zoom out",
    "zoom_real": "One pixel to one pixel",
    "zoom_fit": "Fit to the window",
    "close": "Close",
    "train": "Train",
    "train_summary": (
        "Train a network on your own pictures: choose them, set the time, press Start. You may "
        "close this window; the training continues, and is shown again when you come back."
    ),
    "train_cpu": (
        "This machine trains on {n} processor cores; a step takes about a second. One hour gives a "
        "first result, good weights take a night. With a graphics card, one hour is enough."
    ),
    "train_card": (
        "This machine trains on a graphics card ({name}): some minutes give a first result, good "
        "weights take about an hour."
    ),
    "train_task": "What to train",
    "train_pictures": "Training pictures: photographs, some hundreds or more, or a ZIP of them",
    "train_classes": (
        "This task learns classes: upload a ZIP that has a folder for each class. The name of a "
        "folder is the name of its class."
    ),
    "train_styles": "Styles: paintings or patterns, as many as possible",
    "train_start": "Start",
    "train_idle": "No training is running.",
    "train_preparing": "Reading pictures …",
    "train_stopping": "Stopping after this step; the weights are kept …",
    "train_finishing": "Computing scores and writing the weights …",
    "train_pace": "{time} per step",
    "train_sample": "Samples from pictures that were not used for training",
    "train_curve": "Training losses",
    "train_scores": "Scores on held-out pictures; the first one decides, lower is better",
    "train_done": "Done: {step} steps in {time}, best at step {best}.",
    "train_stopped": (
        "Stopped after {step} steps and {time}. The weights are kept, best at step {best}."
    ),
    "train_stopped_early": "Stopped before the first step; nothing was trained.",
    "train_kept": (
        "Kept on this machine as {name}. To use it, choose it in the method's tab: Advanced, "
        "Weights."
    ),
    "train_more": "… and {n} more",
    "train_download": "Download all as ZIP",
    "train_earlier": "Earlier runs",
    "train_earlier_help": (
        "They are kept on this machine. Choose one to see its samples. Resume goes on for the "
        "minutes of the form."
    ),
    "train_run": "{title}, {name}: {step} steps, {time}",
    "train_resume": "Resume",
    "train_delete": "Delete",
    "train_delete_sure": "Delete this run with its pictures and weights?",
    "train_deleted": "The run {name} is deleted.",
    "train_broken": "This task cannot be used here",
}


class Texts:
    """Collects the fixed texts of a page in all languages.

    Args:
        methods: the methods whose own catalogues are used.
        only: the language of the page, whatever the visitor's is.
    """

    def __init__(self, methods: Iterable[Method[Any]] = (), only: Language | None = None) -> None:
        self._only = only
        own = {one.id: one.catalogues for one in methods}
        self._catalogues = {
            to: catalogue(to).extended({id: texts.get(to, {}) for id, texts in own.items()})
            for to in languages()
        }
        self._shown: dict[Language, dict[str, str]] = {to: {} for to in languages()}
        self._keys: dict[str, str] = {}  # marker -> key of its texts

    def own(self, key: str, **values: object) -> str:
        """The marker of one of `WORDS`; the browser replaces it by the text."""
        return self._marker(f"page.{key}", {to: say(key, to, **values) for to in languages()})

    def add(self, place: str, english: str, unit: str = "") -> str:
        """The marker of a text from a declaration.

        Args:
            place: its place, as in a catalogue.
            english: the text.
            unit: added in brackets.
        """
        behind = {
            to: unit and f" ({of.text(f'unit.{unit}', unit)})"
            for to, of in self._catalogues.items()
        }
        texts = {to: of.text(place, english) + behind[to] for to, of in self._catalogues.items()}
        return self._marker(place, texts)

    def text(self, place: str, english: str, to: Language) -> str:
        """A text from a declaration in one language, for messages during a run."""
        return self._catalogues[to].text(place, english)

    def texts(self, place: str, english: str) -> dict[Language, str]:
        """A text from a declaration by language, for a script in the browser."""
        return {to: self.text(place, english, self._only or to) for to in languages()}

    def message(self, name: str, english: str) -> str:
        """The marker of an error in the HTML of the page."""
        return self._marker(name, {to: escape(message(english, to)) for to in languages()})

    def _marker(self, place: str, texts: dict[Language, str]) -> str:
        key = place.replace(".", "-")  # in browsers, a dot means a nested table
        for to, text in texts.items():
            self._shown[to][key] = text
        marker = str(I18nData(key))
        self._keys[marker] = key
        return marker

    def html(self, name: str, template: str, **markers: str) -> str:
        """The marker of HTML with several texts; gradio replaces only one marker of a component.

        Args:
            name: of this text on the page.
            template: HTML with a placeholder for each text.
            markers: the markers of the texts, which are escaped.
        """
        texts = {
            to: template.format(
                **{one: escape(shown[self._keys[marker]]) for one, marker in markers.items()}
            )
            for to, shown in self._shown.items()
        }
        return self._marker(name, texts)

    def plain(self, marker: str) -> str:
        """The English text of a marker, for programs; another text stays as it is."""
        return self._shown[ENGLISH].get(self._keys.get(marker, ""), marker)

    def table(self, theirs: Mapping[str, Mapping[str, str]] | None = None) -> gr.I18n:
        """All texts collected so far, for `launch(i18n=…)`.

        Args:
            theirs: further texts, by language and key.
        """
        found = {to: {**self._shown[self._only or to]} for to in languages()}
        for to, texts in (theirs or {}).items():
            found.setdefault(to, {}).update(texts)
        return gr.I18n(**found)

    def scripted(self, words: Iterable[str]) -> dict[Language, dict[str, str]]:
        """Some of `WORDS`, by language and key, for a script in the browser."""
        return {
            to: {word: catalogued(word, self._only or to) for word in words} for to in languages()
        }


def language(request: gr.Request | None) -> Language:
    """The first language that the browser asks for, if there is a catalogue; else English."""
    headers = getattr(request, "headers", None) or {}
    first = str(headers.get("accept-language", "")).split(",")[0].split(";")[0].strip().lower()
    known = {to.lower(): to for to in languages()}
    return known.get(first) or known.get(first.split("-")[0], ENGLISH)


def say(key: str, to: Language, **values: object) -> str:
    """One of `WORDS` with its placeholders filled."""
    return catalogued(key, to).format(**values)


def catalogued(key: str, to: Language) -> str:
    """One of `WORDS` with its placeholders, which a script in the browser fills."""
    return catalogue(to).text(f"page.{key}", WORDS[key])


def message(english: str, to: Language) -> str:
    """An error or a note, translated; in English if the catalogue does not have it."""
    return catalogue(to).message(english) or english


def duration(seconds: float, to: Language) -> str:
    """A time as "3.4 s", "41 s" or "2 min 5 s"."""
    if seconds < 9.95:
        return say("seconds", to, n=f"{seconds:.1f}")
    whole = round(seconds)
    if whole < 90:
        return say("seconds", to, n=whole)
    return say("minutes", to, m=whole // 60, n=whole % 60)


def memory(megabytes: float) -> str:
    """An amount as "640 MB" or "1.9 GB"."""
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 995 else f"{megabytes:.0f} MB"
