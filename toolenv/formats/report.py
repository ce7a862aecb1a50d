"""What a reader read, what it skipped and why, and what it found malformed or cut."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from toolenv.errors import FormatError

__all__ = ["ReadReport", "Skipped"]


class Skipped(NamedTuple):
    """One row that was left out.

    Args:
        where: The file, row and field.
        why: What was wrong with it.
    """

    where: str
    why: str


@dataclass
class ReadReport:
    """Counts of one or several readings; print it for a summary.

    Nothing is dropped without an entry here: ``read`` plus the length of ``skipped`` is the number
    of rows that the files hold.

    Args:
        read: Rows that were read.
        skipped: Rows that were left out, which happens under ``skip_bad`` alone.
        found: What was unusual but could be read, by kind.
        first: Where each kind was found first.

    Example:
        >>> report = ReadReport(read=3)
        >>> report.note("template_response cut at 1,000 characters", "G1.json[2].api_list[0]")
        >>> print(report)
        3 read, 0 skipped
        template_response cut at 1,000 characters: 1 (first: G1.json[2].api_list[0])
    """

    read: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many rows the files hold, read or skipped."""
        return self.read + len(self.skipped)

    def note(self, kind: str, where: str = "", count: int = 1) -> None:
        """Count something unusual that could be read."""
        if count > 0:
            self.found[kind] += count
            self.first.setdefault(kind, where)

    def skip(self, error: FormatError) -> None:
        """Record a row that was left out, with the error that it gave."""
        self.skipped.append(Skipped(error.where, error.what))

    def __str__(self) -> str:
        lines = [f"{self.read:,} read, {len(self.skipped):,} skipped"]
        for kind, count in sorted(self.found.items()):
            where = self.first.get(kind, "")
            lines.append(f"{kind}: {count:,}" + (f" (first: {where})" if where else ""))
        lines.extend(f"skipped {where}: {why}" for where, why in self.skipped)
        return "\n".join(lines)
