"""Output of the command line: results to standard output, all other text to standard error."""

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
PIPED = 10_000  # columns of a table in a pipe, so that each row is one line
_lines = 0  # of JSON
_PLAIN = {"×": "x", "…": "..."}


def escape_unencodable() -> None:
    """Escape characters that the terminal cannot show, instead of raising an error."""
    codecs.register_error("escaped", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="escaped")


def _escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    """The replacement of a character that cannot be encoded; see `codecs.register_error`."""
    assert isinstance(error, UnicodeEncodeError), "this is for writing only"
    character, after = error.object[error.start], error.start + 1
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that is not text
        return bytes([ord(character) - 0xDC00]), after
    return _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode(), after


def say_error(sentence: str) -> None:
    """Print an error on standard error."""
    ERR.print(f"styleplug: {sentence}", style="red", markup=False, highlight=False)


def say_note(sentence: str) -> None:
    """Print a note or a warning on standard error."""
    ERR.print(sentence, style="yellow", markup=False, highlight=False)


def say_result(text: str) -> None:
    """Print a line on standard output."""
    OUT.print(text, markup=False, highlight=False)


def print_json(value: Any, *, on_error: bool = False) -> None:
    """Print a value as one line of JSON in ASCII."""
    global _lines
    _lines += 1
    (sys.stderr if on_error else sys.stdout).write(to_json(value, ascii=True) + "\n")


def lines_of_json() -> int:
    """How many lines of JSON this process has printed."""
    return _lines


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on standard output."""
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")  # a truncated name would be useless
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    out = OUT if OUT.is_terminal else Console(file=OUT.file, width=PIPED)
    out.print(table)


def print_rows(rows: Sequence[Mapping[str, Any]], shown: Sequence[str], *, as_json: bool) -> None:
    """Print rows: as one line of JSON, or the columns `shown` as a table."""
    if as_json:
        print_json(list(rows))
    elif rows:
        print_table(shown, [[row.get(head, "") for head in shown] for row in rows])
    else:
        say_note("there is nothing to list")
