"""How many runs a visitor may start, and how many the visitors of one address."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace

from styleplug.core.errors import UsageError

MINUTE = 60.0
SHARED = 4  # an address has the rates of so many visitors, because several may share it
MOST = 10_000  # accounts that are kept; then those that were not used for longest are forgotten


@dataclass(frozen=True)
class Rates:
    """What a visitor may use up in a minute.

    Args:
        runs: number of runs; 0 for any number.
        seconds: seconds of computing; 0 for any number.
    """

    runs: float = 0
    seconds: float = 0

    def __bool__(self) -> bool:
        return bool(self.runs or self.seconds)


@dataclass
class _Account:
    """What is left for a visitor or an address; less than 0 if it owes seconds.

    Args:
        rates: what time restores in a minute, and the most that can be left.
        whom: for whom it is, in an error.
    """

    rates: Rates
    whom: str
    runs: float
    seconds: float
    at: float

    def restore(self) -> None:
        """Add what the time since the last call restored."""
        now = time.monotonic()
        share = (now - self.at) / MINUTE
        self.runs = min(max(1, self.rates.runs), self.runs + share * self.rates.runs)
        self.seconds = min(self.rates.seconds, self.seconds + share * self.rates.seconds)
        self.at = now

    def check(self) -> None:
        """Check that a run may start.

        Raises:
            UsageError: it has to wait.
        """
        runs, seconds = self.rates.runs, self.rates.seconds
        if runs and self.runs < 1:
            wait = _words((1 - self.runs) / runs * MINUTE)
            raise UsageError(
                f"at most {runs:g} runs a minute are allowed {self.whom}: try again in {wait}"
            )
        if seconds and self.seconds < 0:
            wait = _words(-self.seconds / seconds * MINUTE)
            raise UsageError(
                f"at most {seconds:g} s of computing a minute are allowed {self.whom}: try again "
                f"in {wait}"
            )


class Meter:
    """Counts what visitors and addresses use up.

    Each begins with what is allowed in a minute, and at least one run.  A run may take more seconds
    than are left; then the next one has to wait until time has restored them.

    Args:
        rates: for each visitor.
    """

    def __init__(self, rates: Rates) -> None:
        self._own = rates
        self._common = replace(rates, runs=SHARED * rates.runs, seconds=SHARED * rates.seconds)
        self._accounts: OrderedDict[tuple[bool, str], _Account] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, visitor: str, address: str, seconds: float) -> None:
        """Count a run that is about to start.

        Args:
            visitor: who starts it.
            address: from where.
            seconds: estimated time.

        Raises:
            UsageError: the visitor or the address has to wait; nothing is counted.
        """
        if not self._own:
            return
        with self._lock:
            accounts = self._of(visitor, address)
            for one in accounts:
                one.check()
            for one in accounts:
                one.runs -= 1
                one.seconds -= seconds

    def correct(self, visitor: str, address: str, seconds: float) -> None:
        """Count seconds that a run took beyond its estimate; less than 0 if it took less."""
        if self._own:
            with self._lock:
                for one in self._of(visitor, address):
                    one.seconds -= seconds

    def _of(self, visitor: str, address: str) -> list[_Account]:
        """The accounts of a visitor and of an address, with what time has restored."""
        named = (
            ((False, visitor), self._own, "for one visitor"),
            ((True, network(address)), self._common, "from one address"),
        )
        found = []
        for key, rates, whom in named:
            new = _Account(rates, whom, max(1, rates.runs), rates.seconds, time.monotonic())
            account = self._accounts.setdefault(key, new)
            self._accounts.move_to_end(key)
            account.restore()
            found.append(account)
        while len(self._accounts) > MOST:
            self._accounts.popitem(last=False)
        return found


def network(address: str) -> str:
    """The part of an address that belongs to one connection: with IPv6, the first 64 bits."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return address


def _words(seconds: float) -> str:
    """A time to wait, in words."""
    whole = max(2, math.ceil(seconds))
    return f"{whole} seconds" if whole <= 2 * MINUTE else f"{math.ceil(whole / MINUTE)} minutes"
