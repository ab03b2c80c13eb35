"""Everything that can go wrong, as one tree.

    StyleplugError
    ├── UsageError            the caller's to mend (command line: exit status 2)
    │   ├── BadImage          a file that is no usable picture
    │   ├── BadParameter      a parameter unknown, out of bounds or of the wrong kind
    │   └── BadRecipe         a recipe that cannot be read
    ├── WeightError           a weight file is missing, damaged or not what was expected
    │   ├── DigestMismatch    its sha256 is not the known one
    │   └── HubUnavailable    the Hub cannot be reached, or answers with an error
    ├── BackendError          the backend cannot load or run a net
    ├── OutOfMemory           too large for the memory there is, even after stepping down
    ├── OutputError           the result cannot be written
    ├── MethodError           a method (built in or plug-in) failed or cannot be admitted
    └── Cancelled             the visitor stopped the run

Messages say what came, what was expected and what to do; they are shown to users as they are.
"""


class StyleplugError(Exception):
    """Root of the tree: catch it to catch everything of ours."""


class UsageError(StyleplugError):
    """The caller's to mend."""


class BadImage(UsageError):
    """A file that is no usable picture."""


class BadParameter(UsageError):
    """A parameter unknown, out of bounds or of the wrong kind."""


class BadRecipe(UsageError):
    """A recipe that cannot be read."""


class WeightError(StyleplugError):
    """A weight file is missing, damaged or not what was expected."""


class DigestMismatch(WeightError):
    """The sha256 of a weight file is not the known one."""


class HubUnavailable(WeightError):
    """The Hub cannot be reached, or answers with an error."""


class BackendError(StyleplugError):
    """The backend cannot load or run a net."""


class OutOfMemory(StyleplugError):
    """Too large for the memory there is, even after stepping down.

    Attributes:
        sized: whether a smaller picture would take less.
    """

    def __init__(self, message: str = "", *, sized: bool = True) -> None:
        super().__init__(message)
        self.sized = sized


class OutputError(StyleplugError):
    """The result cannot be written."""


class MethodError(StyleplugError):
    """A method (built in or plug-in) failed or cannot be admitted."""


class Cancelled(StyleplugError):
    """The visitor stopped the run."""
