"""Switch off the telemetry of libraries; each reads its environment variable when imported."""

import os
import sys

_OFF = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "ORT_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",  # else each request waits up to 3 s for a list of agents
}

too_late = "onnxruntime" in sys.modules and os.environ.get("ORT_DISABLE_TELEMETRY") != "1"
"""Whether ONNX Runtime was imported before this module, so its telemetry cannot be stopped."""


def switch_off() -> None:
    """Switch it off, for this process and its child processes."""
    os.environ |= _OFF
