"""Ways into the applications of others."""

import styleplug.ui  # noqa: F401 it says what to install if gradio is missing
