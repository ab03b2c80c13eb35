"""What a visitor does next with a result: try its pictures elsewhere, or use it as a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from styleplug.core.errors import UsageError
from styleplug.core.method import Method
from styleplug.ui.errors import shown
from styleplug.ui.events import TO_TOP, UNSEEN
from styleplug.ui.i18n import Language, Texts, language
from styleplug.ui.results import Folder
from styleplug.ui.sharing import Shared, Updates

Role = Literal["pictures", "style", "content"]
ROLES: tuple[Role, ...] = ("pictures", "style", "content")


class Handover:
    """A choice of what to do, and a button for each method that it can be done with.

    Args:
        method: the method of the results.
        methods: all methods of the page.
        texts: collects its texts.

    Attributes:
        buttons: by the id of the other method.
    """

    def __init__(self, method: Method[Any], methods: Sequence[Method[Any]], texts: Texts) -> None:
        self._takers = _takers(method, methods)
        roles = [role for role in ROLES if self._takers[role]]
        first: Role = (
            "style" if method.result_is_style and "style" in roles else (roles or ROLES)[0]
        )
        titles = {one.id: one.title for one in methods}
        wanted = {id for ids in self._takers.values() for id in ids}
        with gr.Row(elem_classes="sp-passes", visible=bool(roles)):
            self._role = gr.Dropdown(
                [(texts.own(f"next_{role}"), role) for role in roles],
                value=first,
                label=texts.own("next"),
                show_label=False,
                container=False,
                elem_classes="sp-next",
                elem_id=f"{method.id}-next",
            )
            self.buttons = {
                id: gr.Button(
                    texts.add(f"method.{id}.title", title),
                    size="sm",
                    interactive=False,
                    visible=id in self._takers[first],
                    min_width=80,
                    elem_id=f"{method.id}-to-{id}",
                )
                for id, title in titles.items()
                if id in wanted
            }
        if self.buttons:
            self._role.change(
                self._offer, self._role, list(self.buttons.values()), queue=False, **UNSEEN
            )

    def _offer(self, role: Role) -> Updates:
        """Show the methods for which this can be done."""
        return {
            button: gr.update(visible=id in self._takers[role])
            for id, button in self.buttons.items()
        }

    def connect(self, folder: gr.State, picked: gr.State, shared: Shared, shelf: gr.Tabs) -> None:
        """Connect the buttons, once all tabs are built.

        Args:
            folder: the folder of the visitor's result.
            picked: the picture of the result that the visitor selected last.
            shared: the pictures of the visitor.
            shelf: the component that contains the tabs.
        """
        for id, button in self.buttons.items():
            button.click(
                _giving(id, shared, shelf),
                [self._role, folder, picked, shared.kept],
                [*shared.outputs, shelf],
                js=TO_TOP,
                concurrency_limit=None,
                **UNSEEN,
            )


def _takers(method: Method[Any], methods: Sequence[Method[Any]]) -> Mapping[Role, set[str]]:
    """Which methods can take the same pictures, the result as style, the result as content."""
    needed = {one.id: {slot.id for slot in one.inputs if slot.least} for one in methods}
    own = needed.get(method.id, set())
    return {
        "pictures": {
            id for id, slots in needed.items() if "content" in own & slots and id != method.id
        },
        "style": {id for id, slots in needed.items() if "style" in slots},
        "content": {id for id, slots in needed.items() if "content" in slots},
    }


def _giving(id: str, shared: Shared, shelf: gr.Tabs) -> Callable[..., Updates]:
    """A handler that opens the tab of a method, with the selected picture in its place."""

    def give(
        request: gr.Request, role: Role, folder: Folder | None, picked: int, kept: object
    ) -> Updates:
        if role == "pictures" or folder is None:
            return {shelf: gr.update(selected=id)}
        path = folder.single(picked)
        check_kept(path, language(request))
        return {**shared.put({role: path}, kept), shelf: gr.update(selected=id)}

    return give


def check_kept(path: Path, to: Language) -> None:
    """Check that the file of a result is still there.

    Raises:
        gr.Error: it was deleted.
    """
    if not path.is_file():
        raise shown(
            UsageError(
                "This result is no longer kept: files are deleted after an hour. Run again."
            ),
            to,
        )
