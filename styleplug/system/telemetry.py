"""Telemetry of the libraries that styleplug is built on; each reads its variable when imported."""

import os
import sys

_OFF = {"ORT_DISABLE_TELEMETRY": "1", "GRADIO_ANALYTICS_ENABLED": "False"}

too_late = "onnxruntime" in sys.modules and os.environ.get("ORT_DISABLE_TELEMETRY") != "1"
"""Whether ONNX Runtime was imported before this, so that its telemetry cannot be stopped."""


def switch_off() -> None:
    """Switch all of it off, for this process and those that it starts."""
    os.environ |= _OFF
