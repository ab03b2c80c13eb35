"""Errors as visitors see them: one sentence, in the language of the page where it is ours."""

from __future__ import annotations

import re

import gradio as gr

from styleplug.core.errors import StyleplugError
from styleplug.ui.i18n import ERRORS_ZH, Language, say

_CHINESE = re.compile("[\u4e00-\u9fff]")


def sentence(error: Exception, to: Language) -> str:
    """What to say of an error; only ours speak for themselves, in English.

    In Chinese they are headed by what kind they are, unless they speak Chinese already.
    """
    if not isinstance(error, StyleplugError):
        return say("unforeseen", to, error=type(error).__name__)
    said = str(error)
    if to == "en" or len(_CHINESE.findall(said)) > len(said) / 3:  # less is the name of a file
        return said
    names = [kind.__name__ for kind in type(error).__mro__]
    head = next(ERRORS_ZH[name] for name in names if name in ERRORS_ZH)
    return f"{head}：{said}"


def shown(error: Exception, to: Language, *, said: bool = False) -> gr.Error:
    """The error as a message on the page and over HTTP; what is not ours also goes to the log.

    Args:
        error: what went wrong.
        to: language.
        said: whether the page says it in another place, and needs no message above all.
    """
    ours, title = isinstance(error, StyleplugError), say("failed", to)
    return gr.Error(sentence(error, to), title=title, visible=not said, print_exception=not ours)
