"""The page: one tab a method, derived from what the method declares."""

import os

from styleplug.core.errors import UsageError
from styleplug.core.extras import missing

if why := missing("page", "the page"):
    raise UsageError(why)
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
