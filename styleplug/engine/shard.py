"""A shard: a part of a grid that one of several processes makes, in the same folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

from styleplug.core.errors import UsageError

MOST = 10_000
"""Largest number of shards."""


@dataclass(frozen=True)
class Shard:
    """The cells whose names have a digest that falls into this shard.

    Args:
        number: which one, from 1.
        count: number of all shards; 1 for the whole grid.
    """

    number: int = 1
    count: int = 1

    @classmethod
    def of(cls, text: str) -> Shard:
        """The shard that a text such as "3/8" means; "" means the whole grid.

        >>> Shard.of("3/8")
        Shard(number=3, count=8)

        Raises:
            UsageError: it means none.
        """
        if not text:
            return cls()
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        number, count = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= count <= MOST:
            raise UsageError(
                f"shard {text!r}: expected NUMBER/COUNT such as 3/8, with a number from 1 to the "
                f"count, and at most {MOST} shards"
            )
        return cls(number, count)

    def __contains__(self, file: str) -> bool:
        if self.count == 1:
            return True
        digest = blake2b(file.encode(errors="surrogateescape"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1

    @property
    def suffix(self) -> str:
        """Part of the name of its ledger; "" for the whole grid."""
        return f"-{self.number}-of-{self.count}" if self.count > 1 else ""


WHOLE = Shard()
