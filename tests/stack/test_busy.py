"""Five hundred requests by twenty clients at once are all answered, and well."""

import asyncio
import sys
import time

import httpx

from booksync_stack.household import ANSWER_SECONDS, V1, Household

REQUESTS = 500
CLIENTS = 20

#: What every device of the family asks all the time.
PATHS = {"auth": f"{V1}/users/me", "data": f"{V1}/volume-extra?limit=20", "prediction": f"{V1}/embeddings/stats"}


async def ask_all(address: str, path: str, headers: dict[str, str]) -> list[float]:
    """Ask as often as REQUESTS, never more than CLIENTS at once, and return how long each took (s)."""
    left = iter(range(REQUESTS))
    took: list[float] = []

    async def ask(client: httpx.AsyncClient) -> None:
        for _ in left:
            started = time.monotonic()
            answer = await client.get(path, headers=headers)
            assert answer.status_code == 200, answer.text
            took.append(time.monotonic() - started)

    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=address, timeout=ANSWER_SECONDS, limits=limits) as client:
        await asyncio.gather(*(ask(client) for _ in range(CLIENTS)))
    return sorted(took)


def test_many_requests_at_once(household: Household) -> None:
    member = household.join("Claire")
    for service, path in PATHS.items():
        started = time.monotonic()
        took = asyncio.run(ask_all(household.addresses[service], path, member.headers))
        seconds = time.monotonic() - started
        assert len(took) == REQUESTS
        sys.stderr.write(
            f"{service}: {REQUESTS / seconds:.0f} requests/s, median {took[REQUESTS // 2] * 1000:.0f} ms, "
            f"99 of 100 within {took[REQUESTS * 99 // 100] * 1000:.0f} ms\n"
        )
