"""What is counted instead of kept one by one: bounded, and whatever finds no room is
counted too, in one row a minute that says so."""

from __future__ import annotations

from typing import Any, Final

OVERFLOW: Final = "OVERFLOW"
"""The last column of the row that counts what found no room; its others are empty."""


class Aggregates:
    """Counts by key until they are taken; at most `most` keys, and one more a minute."""

    def __init__(self, columns: tuple[str, ...], most: int) -> None:
        self._columns = columns
        self._most = most
        self._counts: dict[tuple[int | str, ...], tuple[int, str]] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, minute: int, *values: str, decision_id: str, count: int = 1) -> bool:
        """Counts one event; False when there was only room in the overflow row."""
        key: tuple[int | str, ...] = (minute, *values)
        room = key in self._counts or len(self._counts) < self._most
        if not room:
            key = (minute, *("" for _ in values[1:]), OVERFLOW)
        counted, _ = self._counts.get(key, (0, ""))
        self._counts[key] = (counted + count, decision_id)
        return room

    def take(self) -> list[dict[str, Any]]:
        """Hands over all rows, oldest first, and forgets them."""
        counts, self._counts = self._counts, {}
        return [
            dict(zip(self._columns, key, strict=True), count=count, decision_id=decision_id)
            for key, (count, decision_id) in counts.items()
        ]

    def give_back(self, rows: list[dict[str, Any]]) -> int:
        """Takes back rows that were not written; how many events found no room."""
        lost = 0
        for row in rows:
            values = [row[column] for column in self._columns[1:]]
            if not self.add(row["minute"], *values, decision_id=row["decision_id"], count=row["count"]):
                lost += row["count"]
        return lost
