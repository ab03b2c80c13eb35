"""Errors as visitors see them: one sentence in the language of the page."""

from __future__ import annotations

import gradio as gr

from styleplug.core.errors import StyleplugError
from styleplug.locale import catalogue
from styleplug.ui.i18n import Language, say


def sentence(error: Exception, to: Language) -> str:
    """The message of an error, in the language of the visitor.

    Errors of others get a general message.  A message that the catalogue does not have stays in
    English, after the kind of the error in the language of the visitor.
    """
    if not isinstance(error, StyleplugError):
        return say("unforeseen", to, error=type(error).__name__)
    said, known = str(error), catalogue(to)
    if translated := known.message(said):
        return translated
    kinds = [f"error.{kind.__name__}" for kind in type(error).__mro__]
    head = next((known.places[kind] for kind in kinds if kind in known.places), "")
    return say("headed", to, head=head, said=said) if head else said


def shown(error: Exception, to: Language, *, said: bool = False) -> gr.Error:
    """The error as a message on the page and over HTTP; errors of others are also logged.

    With `said`, the page shows the error in another place, and no message appears.
    """
    ours, title = isinstance(error, StyleplugError), say("failed", to)
    return gr.Error(sentence(error, to), title=title, visible=not said, print_exception=not ours)
