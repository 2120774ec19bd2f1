"""A family's day: the first profile, what the library knows, what to read next, and everybody signed out at the end."""

import uuid

from booksync_stack import mangacollec
from booksync_stack.deployment import read_secret
from booksync_stack.household import (
    FORGOTTEN_SECONDS,
    V1,
    Household,
    Member,
    expect,
    problem,
    wait_until_true,
)
from booksync_stack.mangacollec import Collection, start_site
from booksync_vm.machine import Machine
from booksync_vm.subtests import subtest

FACTS = {"object_id": "BBD-1", "nb_pages": 192, "length": "17,5", "weight": "180"}


def ask(household: Household, member: Member, mood: str) -> dict[str, object]:
    """Ask what to read next."""
    answer: dict[str, object] = expect(
        200, household.prediction.post("/predict", json={"mood": mood}, headers=member.headers)
    )
    return answer


def test_family_day(machine: Machine, deployed: Machine, household: Household) -> None:
    assert deployed is machine
    collection = Collection()
    funny = collection.add_series("Les Farceurs", "Comédie", volumes=4, read=2)
    sad = collection.add_series("L'Adieu", "Drame", volumes=2, read=0)
    start_site(machine, collection)

    with subtest("the first profile is made by whoever comes first, all others by an administrator"):
        claire = household.create(
            "Claire", email_mangacollec=mangacollec.EMAIL, password_mangacollec=mangacollec.PASSWORD
        )
        stranger = household.auth.post(f"{V1}/users", json={"username": "Eve", "password": "let me in please"})
        assert problem(stranger) == (403, "registration_closed")
        tom = household.create("Tom", by=claire)
        assert [profile["username"] for profile in household.profiles()] == ["Claire", "Tom"]

    with subtest("a program brings facts about volumes, and everybody who is signed in reads them"):
        key = {"X-API-Key": read_secret(machine, "app_secret_key")}
        items = [{"volume_id": volume, **FACTS} for volume in funny]
        done = expect(200, household.data.post(f"{V1}/volume-extra/bulk", json={"items": items}, headers=key))
        assert done["counts"]["created"] == len(funny)
        read = expect(200, household.data.get(f"{V1}/volume-extra/{funny[0]}", headers=tom.headers))
        assert (read["nb_pages"], read["length_cm"]) == (192, 17.5)
        assert problem(household.data.get(f"{V1}/volume-extra/{funny[0]}")) == (401, "token_missing")
        forbidden = household.data.put(f"{V1}/volume-extra/{funny[0]}", json=FACTS, headers=tom.headers)
        assert problem(forbidden) == (403, "forbidden")

    with subtest("what somebody says of a volume is theirs alone"):
        mine = f"{V1}/me/volumes/{funny[0]}"
        expect(201, household.data.put(mine, json={"rating": 9, "notes": "à relire"}, headers=tom.headers))
        assert expect(200, household.data.get(mine, headers=tom.headers))["rating"] == 9
        expect(404, household.data.get(mine, headers=claire.headers))

    with subtest("what to read next comes from the pile at Mangacollec, and is remembered"):
        answer = ask(household, claire, "joyeux")
        assert answer["pile_source"] == "mangacollec"
        assert answer["suggested_volume_id"] in {funny[2], sad[0]}
        feedback = f"{V1}/predictions/{answer['prediction_id']}/feedback"
        expect(200, household.prediction.patch(feedback, json={"status": "accepted"}, headers=claire.headers))
        history = expect(200, household.prediction.get(f"/predictions/{claire.id}", headers=claire.headers))
        assert [entry["volume_id"] for entry in history["items"]] == [answer["suggested_volume_id"]]
        other = household.prediction.get(f"/predictions/{claire.id}", headers=tom.headers)
        assert other.status_code == 403

    with subtest("signed out everywhere: at once here, and soon at the other services"):
        phone = household.log_in("Claire")
        expect(204, household.auth.post(f"{V1}/auth/logout-all", headers=phone.headers))
        for member in (claire, phone):
            assert household.auth.get(f"{V1}/users/me", headers=member.headers).status_code == 401
        for client, path in ((household.data, f"{V1}/me/stats"), (household.prediction, f"{V1}/me/export")):
            wait_until_true(
                lambda client=client, path=path: client.get(path, headers=claire.headers).status_code == 401,  # type: ignore[misc]
                what=f"{path} refuses the token",
                seconds=FORGOTTEN_SECONDS,
            )
        assert expect(200, household.data.get(f"{V1}/me/stats", headers=tom.headers))

    with subtest("a profile that goes takes with it what the other services have of it"):
        gone = household.auth.request(
            "DELETE", f"{V1}/users/{tom.id}", json={"password": "correct horse battery"}, headers=tom.headers
        )
        expect(204, gone)
        rows = f"SELECT count(*) FROM data.user_volume WHERE user_id = '{uuid.UUID(tom.id)}'"
        machine.wait_until_succeeds(
            f'docker exec booksync-postgres psql -U postgres -At -d booksync -c "{rows}" | grep -qx 0', timeout=150
        )
