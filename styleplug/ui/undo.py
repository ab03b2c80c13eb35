"""Two buttons of a tab: reset all settings, and take back the last change.

The browser remembers the settings of each tab (`browser/controls.js`); nothing is sent.
"""

from __future__ import annotations

import gradio as gr

from styleplug.system.jsontext import to_json
from styleplug.ui.events import UNSEEN
from styleplug.ui.form import Form
from styleplug.ui.i18n import Texts


def undo(form: Form, texts: Texts) -> None:
    """Make the buttons, once the controls of a form are made."""
    tab, own = form.method.id, texts.own
    with gr.Row(elem_classes="sp-back"):
        reset = gr.Button(own("reset"), size="sm", min_width=80, elem_id=f"{tab}-reset")
        back = gr.Button(
            own("undo"), size="sm", min_width=80, interactive=False, elem_id=f"{tab}-undo"
        )
    settings = form.parameter_components
    first = to_json([one.value for one in settings])
    gr.on(
        [one.change for one in settings],  # type: ignore[attr-defined]
        None,
        settings,
        back,
        js=f"(...values) => window.styleplug?.changed('{tab}', {first}, values)",
        **UNSEEN,
    )
    reset.click(None, None, settings, js=f"() => {first}", **UNSEEN)
    back.click(None, None, [*settings, back], js=f"() => styleplug.undone('{tab}')", **UNSEEN)
