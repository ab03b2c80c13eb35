"""A file on the Hugging Face Hub, read by byte ranges through huggingface_hub's own session.

The client's downloader is not used: it makes no checksum, cannot cut tensors out, tries a Hub that
is down for 23 s, and its headers ask the Hub for a telemetry list first (up to 3 s more).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

from huggingface_hub import constants, get_session, get_token, hf_hub_url, try_to_load_from_cache

# The root of the errors of whichever httpx the installed client is built on.
from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled  # type: ignore[attr-defined]

from styleplug.core.errors import HubUnavailable, WeightError
from styleplug.core.weight import Hub
from styleplug.store import hub
from styleplug.store.watch import Watch

_CUT = "the connection was cut; the data so far is kept"


def find(source: Hub, revision: str, watch: Watch) -> hub.Origin:
    """Find a file, as `hub.open_origin` promises."""
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
    """A file on the Hub; contacts it when made, and stays at the commit found then."""

    def __init__(self, source: Hub, revision: str, watch: Watch) -> None:
        self._source = source
        self._endpoint = hub.endpoint()
        self._watch = watch
        self._revision = revision
        hub.failures.recall(source)
        _check_address(self._endpoint)
        watch.expect(hub.FIRST_ANSWER, self._unreached(f"no answer within {hub.FIRST_ANSWER:g} s"))
        facts = self._ask()
        watch.rest()
        size, self.commit = facts.get("x-linked-size", ""), facts.get("x-repo-commit", "")
        if not (re.fullmatch(r"\d{1,15}", size) and re.fullmatch("[0-9a-f]{40}", self.commit)):
            raise HubUnavailable(
                f"{self._endpoint} answers, but not as a Hub does; check HF_ENDPOINT"
            )
        self.size = int(size)
        etag = (facts.get("x-linked-etag") or facts.get("etag", "")).strip('W/"')
        self.sha256 = etag if re.fullmatch("[0-9a-f]{64}", etag) else None
        self._revision = self.commit

    def read(self, start: int, end: int) -> Iterator[bytes]:
        if start == end:
            return
        stalled = self._unreached(f"no data arrived for {hub.STALL:g} s; the data so far is kept")
        self._watch.expect(hub.STALL, stalled)
        # The watch is to be the first to lose patience, else a stall would pass for a cut.
        wanted = {"range": f"bytes={start}-{end - 1}"}
        with self._open("GET", self._url(), 2 * hub.STALL, follow=True, **wanted) as response:
            begin = response.headers.get("content-range", "bytes 0-")  # without: the whole file
            if not begin.startswith(f"bytes {start}-"):
                raise hub.Refused(
                    f"{self._endpoint} cannot send parts of files; try another mirror"
                )
            try:
                for chunk in response.iter_raw():  # as they come: a size would hold them back
                    self._watch.expect(hub.STALL, stalled)
                    yield chunk[: end - start]
                    start += min(len(chunk), end - start)
                    if start == end:
                        break
            finally:
                self._watch.rest()
        if start < end:
            raise HubUnavailable(self._unreached(_CUT))

    def _ask(self) -> dict[str, str]:
        """What the Hub itself tells of the file; a store it redirects to knows no commit."""
        url = self._url()
        for _ in range(5):  # a renamed repository redirects within the Hub
            with self._open("HEAD", url, hub.FIRST_ANSWER, follow=False) as response:
                facts = {key.lower(): value for key, value in response.headers.items()}
                target = urljoin(url, facts.get("location", ""))
                if not response.has_redirect_location:
                    return {"x-linked-size": facts.get("content-length", "")} | facts
                if urlsplit(target)[:2] != urlsplit(url)[:2]:
                    return facts
                url = target
        raise HubUnavailable(self._unreached("it redirects in a loop"))

    def _url(self) -> str:
        source = self._source
        return hf_hub_url(
            source.repo, source.file, revision=self._revision, endpoint=self._endpoint
        )

    @contextmanager
    def _open(
        self, method: str, url: str, patience: float, *, follow: bool, **headers: str
    ) -> Iterator[Any]:
        """Send a request; what the client raises becomes ours."""
        headers |= {"user-agent": "styleplug", "accept-encoding": "identity"}
        begun = False
        try:
            # A token that only lies on this machine is not sent where its owner forbids that.
            if not constants.HF_HUB_DISABLE_IMPLICIT_TOKEN and (token := get_token()):
                headers["authorization"] = f"Bearer {token}"
            with get_session().stream(
                method, url, headers=headers, timeout=patience, follow_redirects=follow
            ) as response:
                if not (response.is_success or response.has_redirect_location):
                    self._refuse(response.status_code, response.headers)
                begun = True
                yield response
        except OfflineModeIsEnabled:
            raise hub.Offline(f"the Hub is not asked for {url}, as it is offline") from None
        # RuntimeError: the session is the process's, and somebody else closed it.
        except (HTTPError, RuntimeError) as error:
            why = _CUT if begun else str(error) or type(error).__name__
            raise HubUnavailable(self._unreached(why)) from error

    def _refuse(self, status: int, headers: Mapping[str, str]) -> NoReturn:
        """Turn an error status into a sentence."""
        what = f"{self._source.repo} {self._source.file} at {self._revision}"
        if status in {401, 403}:
            raise hub.Refused(
                f"the Hub refuses {what} ({status}): it is not there, private or gated; "
                "set HF_TOKEN to a token that may read it"
            )
        if status in {404, 410}:
            code = headers.get("x-error-code", "")
            raise hub.Refused(f"the Hub has no {what} ({status}{code and ' ' + code})")
        if status == 416:
            raise hub.Refused(f"{what} is empty or shorter than it was")
        raise HubUnavailable(self._unreached(f"it returned the error {status}"))

    def _unreached(self, why: str) -> str:
        return f"the Hub could not be reached ({self._endpoint}: {why})"


def _check_address(address: str) -> None:
    """Refuse an HF_ENDPOINT that is none."""
    with suppress(ValueError):
        where = urlsplit(address)
        where.port  # noqa: B018 raises ValueError where it is none
        if where.scheme in {"http", "https"} and re.fullmatch(r"[\w.:-]+", where.hostname or ""):
            return
    raise HubUnavailable(
        f"HF_ENDPOINT is {address!r}; expected https://huggingface.co or the address of a mirror"
    )
