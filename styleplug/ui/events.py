"""Options of events that many parts of the page share."""

from __future__ import annotations

from typing import Any

# No part of the HTTP interface, values as the browser sends them, and no sign of progress: gradio
# would draw one on each output, sixty times a second until the run ends, also where it is hidden.
UNSEEN: dict[str, Any] = {
    "api_visibility": "private",
    "preprocess": False,
    "show_progress": "hidden",
    "show_progress_on": [],
}
TO_TOP = "(...values) => { scrollTo({top: 0, behavior: 'smooth'}); return values; }"
TO_RESULT = """(...values) => {
  const result = [...document.querySelectorAll('.sp-right')].find(one => one.offsetParent);
  const ready = values.every(Boolean);  // the pictures that a run needs
  if (result && innerWidth < 800 && ready) result.scrollIntoView({behavior: 'smooth'});
  return values;
}"""  # on a phone, the result is below the controls
