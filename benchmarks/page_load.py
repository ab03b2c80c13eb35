"""First paint and bytes of the page over a slow line, in Chromium.

    python benchmarks/page_load.py [--megabits 1.5] [--latency 150] [--plain]

Method: the page is served here; Chromium opens it with an empty cache, and its own emulation of a
line (DevTools protocol) limits speed and delays each request.  `painted` is the first contentful
paint, `ready` is when the button Run is visible.  Bytes are counted 4 s later, as they come over
the line.  With `--plain` the page itself is not compressed.
"""

from __future__ import annotations

import shutil

import typer
from playwright.sync_api import sync_playwright

from styleplug.ui import page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


def main(megabits: float = 1.5, latency: float = 150.0, plain: bool = False) -> None:
    """Measure once."""
    if plain:
        page.Compressed = lambda app: app  # type: ignore[assignment, misc]
    url = page.launch(block=False)
    with sync_playwright() as tools:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = tools.chromium.launch(executable_path=path, args=FLAGS)
        visitor = browser.new_page(viewport={"width": 1280, "height": 800})
        line = visitor.context.new_cdp_session(visitor)
        sizes: list[int] = []
        line.on("Network.loadingFinished", lambda it: sizes.append(int(it["encodedDataLength"])))
        line.send("Network.enable")
        speed = megabits * 1e6 / 8
        about = {"latency": latency, "downloadThroughput": speed, "uploadThroughput": speed}
        line.send("Network.emulateNetworkConditions", {"offline": False, **about})
        visitor.goto(url, wait_until="commit", timeout=120_000)
        visitor.locator("[id$=-run]:visible").first.wait_for(timeout=120_000)
        ready = visitor.evaluate("performance.now()")
        painted = visitor.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
        visitor.wait_for_timeout(4000)
        print(f"painted {painted / 1000:.1f} s, ready {ready / 1000:.1f} s, "
              f"{sum(sizes) / 1e6:.2f} MB, {len(sizes)} requests")  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
