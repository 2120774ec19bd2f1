"""What the service holds of a profile goes when the Auth API says that the profile was deleted."""

import asyncio
import uuid

from booksync_api_data.service import SERVICE
from booksync_data_testing.api import MINE, Api, load_settings
from booksync_service_testing.fake_auth import run_fake_auth
from booksync_service_testing.serving import PATIENCE, serve


async def test_rows_of_a_deleted_profile_go_and_no_others(api: Api) -> None:
    staying, leaving = api.sign_in(), api.sign_in()
    for user in (staying, leaving):
        headers = {**user, "Idempotency-Key": "k"}
        items = [{"volume_id": str(uuid.uuid4()), "rating": 1}]
        await api.client.post(f"{MINE}/bulk", json={"items": items}, headers=headers)
    async with run_fake_auth() as auth:
        auth.deleted.append(api.auth.user_id(leaving["Authorization"].removeprefix("Bearer ")))
        async with serve(SERVICE, load_settings(api.url, auth)), asyncio.timeout(PATIENCE):
            while await api.get_all(MINE, leaving):
                await asyncio.sleep(0.05)
    assert len(await api.get_all(MINE, staying)) == 1
    assert await api.count_rows("data.user_volume") == 1
    assert await api.count_rows("data.idempotency_keys") == 1
