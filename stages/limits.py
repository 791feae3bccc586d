"""Limits: how much an archive may unpack to."""

from dataclasses import dataclass

from pystore.errors import BadStage, UnsafeArchive

_FREE = 64 * 2**20  # [bytes] to which the ratio does not apply: small archives of zeros are common


@dataclass(frozen=True)
class Limits:
    """How much an archive may unpack to.

    Raises BadStage when one of them is not above 0.
    """

    max_bytes: int = 100 * 2**30
    max_members: int = 2_000_000  # files, links and directories
    max_ratio: float = 200.0  # bytes that come out for each byte of the archive

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise BadStage(
                    f"{name} is a number above 0",
                    given=repr(value)[:200],
                    remedy=f"leave it out: {getattr(Limits, name)}",
                )

    def check_bytes(self, size: int, packed: int) -> None:
        """Raises UnsafeArchive when `size` bytes are too much for an archive of `packed`."""
        if size > self.max_bytes:
            raise UnsafeArchive(
                "the archive holds too many bytes",
                max_bytes=self.max_bytes,
                remedy="if you trust it, unpack(…, max_bytes=…) with more",
            )
        if size > _FREE + packed * self.max_ratio:
            raise UnsafeArchive(
                "the archive grows like a bomb",
                archive=f"{packed} bytes",
                unpacked=f"more than {size} bytes",
                max_ratio=self.max_ratio,
                remedy="if you trust it: mode='as-is', then unpack(…, max_ratio=…) with more",
            )

    def check_members(self, count: int) -> None:
        """Raises UnsafeArchive when an archive has too many files, links and directories."""
        if count > self.max_members:
            raise UnsafeArchive(
                "the archive holds too many files",
                max_members=self.max_members,
                remedy="if you trust it, unpack(…, max_members=…) with more",
            )
