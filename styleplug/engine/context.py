"""The context that the engine gives a method for one attempt of a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import numpy as np

from styleplug.core.backend import Backend, Net
from styleplug.core.errors import Cancelled, MethodError
from styleplug.core.method import Before
from styleplug.core.weight import WeightFile
from styleplug.engine.memo import Descriptions
from styleplug.engine.nets import BorrowedNet, NetCache


class RunContext:
    """The `Context` of `styleplug.core.method`."""

    def __init__(
        self,
        size: int,
        seed: int,
        files: Mapping[str, WeightFile],
        backend: Backend,
        cache: NetCache,
        cancel: threading.Event,
        memo: Descriptions | None = None,
        before: Before | None = None,
    ) -> None:
        self.size, self.before = size, before
        self.rng = np.random.default_rng(seed)
        self.loading = 0.0  # seconds spent on loading nets
        self.found_mb = 0.0  # memory of nets that were loaded before the run
        self._files, self._backend, self._cache, self._cancel = files, backend, cache, cancel
        self._memo = memo
        self._borrowed: dict[tuple[str, str], BorrowedNet] = {}

    def net(self, key: str, function: str) -> Net:
        """A function of the net declared under `key`, shared with other runs."""
        known = self._borrowed.get((key, function))
        if known is not None and not known.closed:
            return known
        if key not in self._files:
            named = ", ".join(self._files) or "none"
            raise MethodError(f"the method asks for the net {key!r}, but its nets() names: {named}")
        started = time.perf_counter()
        net = self._cache.borrow(self._backend, self._files[key], function, self.check, self._memo)
        self.loading += time.perf_counter() - started
        self.found_mb += 0.0 if net.loaded else net.mb
        self._borrowed[key, function] = net
        return net

    def check(self) -> None:
        """Raise Cancelled if the run is to stop."""
        if self._cancel.is_set():
            raise Cancelled("stopped")

    def providers(self) -> dict[str, None]:
        """The providers that computed, in order, without duplicates."""
        return dict.fromkeys(net.spec.provider for net in self._borrowed.values())

    def release(self) -> None:
        """Return all nets."""
        for net in self._borrowed.values():
            net.close()
