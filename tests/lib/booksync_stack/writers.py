"""Clients that write all the time and remember what was acknowledged, for scenarios that take something away."""

import threading
import time
import uuid
from collections import Counter
from types import TracebackType
from typing import Self

import httpx

from booksync_stack.household import V1, Household, Member, expect

CLIENTS = 4
PAUSE_SECONDS = 0.2
PAGE = 500


class Writers:
    """Each writes volumes of one member's, one after the other, whatever comes of it."""

    def __init__(self, household: Household, member: Member, *, timeout: float = 30) -> None:
        """Start nothing yet.

        :param timeout: seconds that a client waits for an answer
        """
        self._household = household
        self._member = member
        self._timeout = timeout
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._write, daemon=True) for _ in range(CLIENTS)]
        self.acknowledged: list[str] = []
        self.outcomes: Counter[int | str] = Counter()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        with httpx.Client(base_url=self._household.addresses["data"], timeout=self._timeout) as client:
            while not self._is_over.is_set():
                volume = str(uuid.uuid4())
                try:
                    answer = client.put(f"{V1}/me/volumes/{volume}", json={"rating": 5}, headers=self._member.headers)
                except httpx.TransportError as failure:
                    self.outcomes[type(failure).__name__] += 1
                    self._is_over.wait(PAUSE_SECONDS)
                    continue
                self.outcomes[answer.status_code] += 1
                if answer.status_code == 201:
                    self.acknowledged.append(volume)
                else:
                    self._is_over.wait(PAUSE_SECONDS)

    def wait_for(self, more: int, *, seconds: float = 300) -> None:
        """Wait until more volumes have been acknowledged.

        :raises AssertionError: they have not
        """
        target = len(self.acknowledged) + more
        deadline = time.monotonic() + seconds
        while len(self.acknowledged) < target:
            assert time.monotonic() < deadline, f"{len(self.acknowledged)} of {target} written: {self.outcomes}"
            time.sleep(0.1)

    def check(self) -> None:
        """Look whether all that was acknowledged is there.

        :raises AssertionError: it is not
        """
        found: set[str] = set()
        cursor: str | None = None
        while True:
            options: dict[str, str | int] = {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
            page = expect(
                200, self._household.data.get(f"{V1}/me/volumes", params=options, headers=self._member.headers)
            )
            found.update(item["volume_id"] for item in page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                break
        lost = set(self.acknowledged) - found
        assert not lost, f"lost {len(lost)} of {len(self.acknowledged)} acknowledged writes"
