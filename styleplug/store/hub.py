"""A file on the Hugging Face Hub, read by byte ranges through huggingface_hub's own session.

The client's downloader is not used: it makes no checksum, cannot cut tensors out, tries a Hub that
is down for 23 s, and its headers ask the Hub for a telemetry list first (up to 3 s more).
Environment variables are read at each call: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE,
HF_TOKEN.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, Protocol
from urllib.parse import urljoin, urlsplit

from huggingface_hub import constants, get_session, get_token, hf_hub_url, try_to_load_from_cache

# The root of the errors of whichever httpx the installed client is built on.
from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled  # type: ignore[attr-defined]

from styleplug.core.errors import DigestMismatch, HubUnavailable, WeightError
from styleplug.core.weight import Hub
from styleplug.store.watch import Watch

FIRST_ANSWER = 2.0
"""Seconds that the Hub has for its first answer."""
STALL = 10.0
"""Seconds without a byte after which a download is given up."""
QUIET = 60.0
"""Seconds for which a Hub that failed is not asked again."""

_CUT = "the connection was cut; what came is kept"


class Offline(HubUnavailable):
    """HF_HUB_OFFLINE is set."""


class Refused(HubUnavailable):
    """The Hub is there, but does not give this file."""


class Origin(Protocol):
    """Where the bytes of a Hub file come from."""

    commit: str
    size: int
    sha256: str | None  # where the origin knows it

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from start up to end, exactly.

        Raises:
            HubUnavailable: fewer came.
        """
        ...


def home() -> Path:
    """HF_HOME: the folder of everything that comes from the Hub."""
    return Path(os.path.expandvars(os.environ.get("HF_HOME") or constants.HF_HOME)).expanduser()


def endpoint() -> str:
    """Address of the Hub or of its mirror, HF_ENDPOINT."""
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids to ask the Hub."""
    said = os.environ.get("HF_HUB_OFFLINE", "").upper()
    return said in {"1", "ON", "YES", "TRUE"} or constants.is_offline_mode()


def open_origin(source: Hub, revision: str, watch: Watch) -> Origin:
    """Find a file: in the cache of huggingface_hub, else on the Hub.

    Args:
        source: the file.
        revision: its revision, or the commit it is pinned to.
        watch: told by when an answer is due.

    Raises:
        HubUnavailable: the Hub cannot be reached, or refuses.
        WeightError: the source names no file that could be on a Hub.
    """
    cache = Path(os.environ.get("HF_HUB_CACHE") or home() / "hub")
    try:
        found = try_to_load_from_cache(source.repo, source.file, cache, revision)
    except ValueError as error:
        raise WeightError(f"{source.repo} {source.file} is no file of a Hub: {error}") from None
    if isinstance(found, str):
        return _Cached(Path(found))
    if offline():
        raise Offline(f"the Hub is not asked for {source.repo}, as HF_HUB_OFFLINE is set")
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
        self._endpoint = endpoint()
        self._watch = watch
        self._revision = revision
        failures.recall(source)
        _check_address(self._endpoint)
        watch.expect(FIRST_ANSWER, self._unreached(f"no answer within {FIRST_ANSWER:g} s"))
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
        stalled = self._unreached(f"no byte came for {STALL:g} s; what came is kept")
        self._watch.expect(STALL, stalled)
        # The watch is to be the first to lose patience, else a stall would pass for a cut.
        wanted = {"range": f"bytes={start}-{end - 1}"}
        with self._open("GET", self._url(), 2 * STALL, follow=True, **wanted) as response:
            begin = response.headers.get("content-range", "bytes 0-")  # without: the whole file
            if not begin.startswith(f"bytes {start}-"):
                raise Refused(f"{self._endpoint} cannot send parts of files; try another mirror")
            try:
                for chunk in response.iter_raw():  # as they come: a size would hold them back
                    self._watch.expect(STALL, stalled)
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
            with self._open("HEAD", url, FIRST_ANSWER, follow=False) as response:
                facts = {key.lower(): value for key, value in response.headers.items()}
                target = urljoin(url, facts.get("location", ""))
                if not response.has_redirect_location:
                    return {"x-linked-size": facts.get("content-length", "")} | facts
                if urlsplit(target)[:2] != urlsplit(url)[:2]:
                    return facts
                url = target
        raise HubUnavailable(self._unreached("it redirects in circles"))

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
            raise Offline(f"the Hub is not asked for {url}, as it is offline") from None
        # RuntimeError: the session is the process's, and somebody else closed it.
        except (HTTPError, RuntimeError) as error:
            why = _CUT if begun else str(error) or type(error).__name__
            raise HubUnavailable(self._unreached(why)) from error

    def _refuse(self, status: int, headers: Mapping[str, str]) -> NoReturn:
        """Turn an error status into a sentence."""
        what = f"{self._source.repo} {self._source.file} at {self._revision}"
        if status in {401, 403}:
            raise Refused(
                f"the Hub refuses {what} ({status}): it is not there, private or gated; "
                "set HF_TOKEN to a token that may read it"
            )
        if status in {404, 410}:
            code = headers.get("x-error-code", "")
            raise Refused(f"the Hub has no {what} ({status}{code and ' ' + code})")
        if status == 416:
            raise Refused(f"{what} is empty or shorter than it was")
        raise HubUnavailable(self._unreached(f"it answers with the error {status}"))

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


class _Failures:
    """What failed a short while ago, so that nobody waits for it again so soon.

    One memory a process: what is unreachable is so for every visitor.
    """

    def __init__(self) -> None:
        self._failed: dict[tuple[str, Hub | None], tuple[float, type[WeightError], str]] = {}
        self._lock = threading.Lock()

    def note(self, source: Hub, error: WeightError) -> None:
        """Remember a failure: of one file where it was refused or wrong, else of the Hub."""
        if isinstance(error, Offline) or not isinstance(error, HubUnavailable | DigestMismatch):
            return  # the network was not asked, or the fault is local and soon mended
        alone = isinstance(error, Refused | DigestMismatch)
        with self._lock:
            key = (endpoint(), source if alone else None)
            if not self._lasting(key):
                # Not the error itself: its traceback would keep the frames of the download.
                self._failed[key] = (time.monotonic(), type(error), str(error))

    def recall(self, source: Hub) -> None:
        """Raise what this file or its Hub raised within the last `QUIET` seconds."""
        with self._lock:
            for key in ((endpoint(), None), (endpoint(), source)):
                if self._lasting(key):
                    _, kind, message = self._failed[key]
                    raise kind(message)

    def _lasting(self, key: tuple[str, Hub | None]) -> bool:
        return key in self._failed and time.monotonic() - self._failed[key][0] < QUIET


failures = _Failures()
