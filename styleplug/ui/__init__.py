"""The page: one tab a method, derived from what the method declares."""

from styleplug.core.errors import UsageError
from styleplug.system.extras import missing

if why := missing("page", "the page"):
    raise UsageError(why)
