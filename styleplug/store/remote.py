"""A file on the Hugging Face Hub, read by byte ranges.

huggingface_hub finds the file, its commit, size and digest, and sends the requests.  Its downloads
are not used: they do not compare a digest, cannot fetch some tensors of a file, cannot be stopped,
and try for 23 s to reach a Hub that is down.  Its file system fetches ranges, but each as a whole
and with the same retries, so a download of 80 MB would show no progress.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from huggingface_hub import (
    get_hf_file_metadata,
    get_session,
    hf_hub_url,
    try_to_load_from_cache,
)

# HTTPError is the root of the errors of whichever httpx the installed client is built on.
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
)
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]
from pydantic import HttpUrl, TypeAdapter, ValidationError

from styleplug.core.errors import HubUnavailable, WeightError
from styleplug.core.weight import Hub
from styleplug.store import hub
from styleplug.store.watch import Watch

_CUT = "the connection was cut; the data so far is kept"
_ADDRESS = TypeAdapter(HttpUrl)


def find(source: Hub, revision: str, watch: Watch) -> hub.Origin:
    """Find a file; see `hub.open_origin`."""
    cache = Path(os.environ.get("HF_HUB_CACHE") or hub.home() / "hub")
    try:
        found = try_to_load_from_cache(source.repo, source.file, cache, revision)
    except ValueError as error:
        raise WeightError(f"{source.repo} {source.file} is not a file on a Hub: {error}") from None
    if isinstance(found, str):
        return _Cached(Path(found))
    if hub.offline():
        raise hub.Offline(f"the Hub is not asked for {source.repo}, as HF_HUB_OFFLINE is set")
    return _Remote(source, revision, watch)


class _Cached:
    """A file that huggingface_hub has downloaded before: …/snapshots/<commit>/<file>."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.commit = path.parts[len(path.parts) - path.parts[::-1].index("snapshots")]
        self.size = path.stat().st_size
        self.sha256: str | None = None

    def read(self, start: int, end: int) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            file.seek(start)
            while start < end:
                chunk = file.read(min(2**20, end - start))
                if not chunk:
                    raise HubUnavailable(f"the cached file {self._path} has become shorter")
                start += len(chunk)
                yield chunk


class _Remote:
    """A file on the Hub, at the commit that the Hub gave for its revision."""

    def __init__(self, source: Hub, revision: str, watch: Watch) -> None:
        self._source, self._watch, self.commit = source, watch, revision
        self._endpoint = hub.endpoint()
        hub.failures.recall(source)
        try:
            _ADDRESS.validate_python(self._endpoint)
        except ValidationError:
            raise HubUnavailable(
                f"HF_ENDPOINT is {self._endpoint!r}; expected https://huggingface.co or the "
                "address of a mirror"
            ) from None
        watch.expect(hub.FIRST_ANSWER, self._unreached(f"no answer within {hub.FIRST_ANSWER:g} s"))
        with self._failures():
            facts = get_hf_file_metadata(
                self._url(), timeout=hub.FIRST_ANSWER, library_name="styleplug"
            )
        watch.rest()
        commit = facts.commit_hash or ""
        if facts.size is None or not re.fullmatch("[0-9a-f]{40}", commit):
            raise HubUnavailable(
                f"{self._endpoint} answers, but not as a Hub does; check HF_ENDPOINT"
            )
        self.size, self.commit = facts.size, commit
        self.sha256 = facts.etag if re.fullmatch("[0-9a-f]{64}", facts.etag or "") else None

    def read(self, start: int, end: int) -> Iterator[bytes]:
        if start == end:
            return
        stalled = self._unreached(f"no data arrived for {hub.STALL:g} s; the data so far is kept")
        self._watch.expect(hub.STALL, stalled)
        headers = build_hf_headers(library_name="styleplug")
        headers |= {"range": f"bytes={start}-{end - 1}", "accept-encoding": "identity"}
        request = get_session().stream(
            "GET",
            self._url(),
            headers=headers,
            timeout=2 * hub.STALL,  # the watch must end first: a stall is not a cut
            follow_redirects=True,
        )
        with self._failures(), request as response:
            if not response.is_success:
                self._refuse(response)
            begin = response.headers.get("content-range", "bytes 0-")  # without it: the whole file
            if not begin.startswith(f"bytes {start}-"):
                raise hub.Refused(
                    f"{self._endpoint} cannot send parts of files; try another mirror"
                )
            try:
                with self._failures(_CUT):
                    for chunk in response.iter_raw():  # a chunk size would delay the progress
                        self._watch.expect(hub.STALL, stalled)
                        yield chunk[: end - start]
                        start += min(len(chunk), end - start)
                        if start == end:
                            break
            finally:
                self._watch.rest()
        if start < end:
            raise HubUnavailable(self._unreached(_CUT))

    def _url(self) -> str:
        source = self._source
        return hf_hub_url(source.repo, source.file, revision=self.commit, endpoint=self._endpoint)

    @contextmanager
    def _failures(self, why: str = "") -> Iterator[None]:
        """Convert the errors of the client to ours."""
        try:
            yield
        except OfflineModeIsEnabled:
            raise hub.Offline(f"the Hub is not asked for {self._url()}, as it is offline") from None
        except HfHubHTTPError as error:
            self._refuse(error.response)
        # A RuntimeError means that other code closed the session, which the process shares.
        except (HTTPError, RuntimeError) as error:
            reason = why or str(error) or type(error).__name__
            raise HubUnavailable(self._unreached(reason)) from error

    def _refuse(self, response: Any) -> NoReturn:
        """Convert an error status to a sentence."""
        status = response.status_code
        what = f"{self._source.repo} {self._source.file} at {self.commit}"
        if status in {401, 403}:
            raise hub.Refused(
                f"the Hub refuses {what} ({status}): it is not there, private or gated; "
                "set HF_TOKEN to a token that may read it"
            )
        if status in {404, 410}:
            code = response.headers.get("x-error-code", "")
            raise hub.Refused(f"the Hub has no {what} ({status}{code and ' ' + code})")
        if status == 416:
            raise hub.Refused(f"{what} is empty or shorter than it was")
        raise HubUnavailable(self._unreached(f"it returned the error {status}"))

    def _unreached(self, why: str) -> str:
        return f"the Hub could not be reached ({self._endpoint}: {why})"
