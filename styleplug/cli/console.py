"""What the command line says: results to standard output, everything else to standard error."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from styleplug.system.jsontext import to_json

OUT = Console(soft_wrap=True)
ERR = Console(stderr=True, soft_wrap=True)
PIPED = 10_000  # columns: what reads a pipe wants a row to be a line
_PLAIN = {"×": "x", "…": "..."}


def print_anything() -> None:
    """Have standard output and error spell out what they cannot show, instead of failing."""
    codecs.register_error("spelt out", _spelt_out)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="spelt out")


def _spelt_out(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for a character that an encoding lacks; see `codecs.register_error`."""
    assert isinstance(error, UnicodeEncodeError), "this is for writing only"
    character, after = error.object[error.start], error.start + 1
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that is no text
        return bytes([ord(character) - 0xDC00]), after
    return _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode(), after


def say_error(sentence: str) -> None:
    """Why a command failed, on standard error."""
    ERR.print(f"styleplug: {sentence}", style="red", markup=False, highlight=False)


def say_note(sentence: str) -> None:
    """A remark or a warning, on standard error."""
    ERR.print(sentence, style="yellow", markup=False, highlight=False)


def say_result(text: str) -> None:
    """A line on standard output."""
    OUT.print(text, markup=False, highlight=False)


def print_json(value: Any, *, on_error: bool = False) -> None:
    """One line of JSON, in ASCII, on standard output or on standard error."""
    (sys.stderr if on_error else sys.stdout).write(to_json(value, ascii=True) + "\n")


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on standard output."""
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")  # a name cut short is of no use
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    out = OUT if OUT.is_terminal else Console(file=OUT.file, width=PIPED)
    out.print(table)


def print_rows(rows: Sequence[Mapping[str, Any]], shown: Sequence[str], *, as_json: bool) -> None:
    """Like rows: all of them as a line of JSON, or what is `shown` as a table."""
    if as_json:
        print_json(list(rows))
    elif rows:
        print_table(shown, [[row.get(head, "") for head in shown] for row in rows])
    else:
        say_note("there is nothing to list")
