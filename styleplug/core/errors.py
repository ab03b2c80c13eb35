"""All exceptions of styleplug, as one tree.

    StyleplugError
    ├── UsageError            an error of the caller (command line: exit status 2)
    │   ├── BadImage          a file that cannot be used as a picture
    │   ├── BadParameter      a parameter is unknown, out of bounds or of the wrong type
    │   └── BadRecipe         a recipe cannot be read
    ├── WeightError           a weight file is missing, damaged or not the expected one
    │   ├── DigestMismatch    its sha256 is not the expected one
    │   └── HubUnavailable    the Hub cannot be reached, or returns an error
    ├── BackendError          the backend cannot load or run a net
    ├── OutOfMemory           not enough memory, even at a smaller size
    ├── OutputError           the result cannot be written
    ├── MethodError           a method (built-in or plug-in) failed or is not valid
    └── Cancelled             the user stopped the run

Messages say what was given, what was expected and what to do.  Users see them unchanged.
"""

from pydantic import ValidationError


class StyleplugError(Exception):
    """The root of the tree: catch it to catch every error of styleplug."""


class UsageError(StyleplugError):
    """An error of the caller."""


class BadImage(UsageError):
    """A file cannot be used as a picture."""


class BadParameter(UsageError):
    """A parameter is unknown, out of bounds or of the wrong type."""


class BadRecipe(UsageError):
    """A recipe cannot be read."""


class WeightError(StyleplugError):
    """A weight file is missing, damaged or not the expected one."""


class DigestMismatch(WeightError):
    """The sha256 of a weight file is not the expected one."""


class HubUnavailable(WeightError):
    """The Hub cannot be reached, or returns an error."""


class BackendError(StyleplugError):
    """The backend cannot load or run a net."""


class OutOfMemory(StyleplugError):
    """There is not enough memory, even at a smaller size.

    Attributes:
        sized: whether a smaller picture would need less.
    """

    def __init__(self, message: str = "", *, sized: bool = True) -> None:
        super().__init__(message)
        self.sized = sized


class OutputError(StyleplugError):
    """The result cannot be written."""


class MethodError(StyleplugError):
    """A method (built-in or plug-in) failed or is not valid."""


class Cancelled(StyleplugError):
    """The user stopped the run."""


def first_problem(error: Exception) -> str:
    """The first problem that pydantic found, with its place; the text of any other error."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"]))[:80], first["msg"])))
