"""What was exported is, once imported, exported as the same bytes; an import says line by line what it did not take."""

import asyncio
import csv
import io
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import URL

from booksync_api_data.batches import MAX_ITEMS
from booksync_api_data.service import SERVICE
from booksync_api_data.transfer.importing import MAX_TOLD
from booksync_data_testing.api import MACHINE, VOLUMES, Api, empty, run_api

MEDIA_TYPES = {"csv": "text/csv", "json": "application/json", "ndjson": "application/x-ndjson"}
ONE, TWO, THREE = (str(uuid.UUID(int=number)) for number in (1, 2, 3))

texts = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
volumes = st.fixed_dictionaries(
    {
        "object_id": texts,
        "nb_pages": st.none() | st.integers(0, 2**31 - 1),
        "length": texts | st.sampled_from(["17,5", "17.5 cm", "175mm"]),
        "height": texts,
        "width": texts,
        "weight": texts | st.sampled_from(["0,3 kg", "300 g"]),
        "extra_info": texts
        | st.sampled_from(["=1+1", "'=1", "''+x", '@"a";b', "a\r\nb", "-", "\ufeff", "x;=1", "x;'\t'=1", "x\n-1"]),
        "source": texts,
        "locked_fields": st.lists(st.sampled_from(["nb_pages", "weight"]), unique=True),
    }
)


async def export(api: Api, kind: str, **parameters: str) -> bytes:
    """Export everything."""
    answer = await api.client.get(f"{VOLUMES}/export", params={"format": kind, **parameters}, headers=api.sign_in())
    assert answer.status_code == 200
    return answer.content


@pytest.mark.parametrize("kind", MEDIA_TYPES)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.lists(volumes, max_size=4))
async def test_export_import_export(api: Api, kind: str, facts: list[Mapping[str, Any]]) -> None:
    await empty(api.url)
    await api.bulk(*({"volume_id": str(uuid.UUID(int=number)), **fact} for number, fact in enumerate(facts)))
    before = await export(api, kind)
    stored = await export(api, "json")
    await empty(api.url)
    imported = await api.upload(before, MEDIA_TYPES[kind])
    assert imported.json()["counts"] == ({"created": len(facts)} if facts else {})
    assert await export(api, kind) == before
    assert await export(api, "json") == stored


@pytest.mark.parametrize("kind", MEDIA_TYPES)
async def test_import_of_what_is_there_changes_nothing(api: Api, kind: str) -> None:
    await api.put(nb_pages=1, extra_info="=1", locked_fields=["nb_pages"])
    await api.wait_for_feed()
    mark = (await api.get(f"{VOLUMES}/changes"))["next"]
    answer = await api.upload(await export(api, kind), MEDIA_TYPES[kind], mode="replace")
    assert answer.json()["counts"] == {"unchanged": 1}
    await api.wait_for_feed()
    assert (await api.get(f"{VOLUMES}/changes", since=mark))["items"] == []


async def test_export_in_each_format_has_the_same(api: Api) -> None:
    items = [{"volume_id": str(uuid.UUID(int=number)), "nb_pages": number} for number in range(1501)]
    await api.bulk(*items[:1000])
    await api.bulk(*items[1000:])
    as_json = json.loads(await export(api, "json"))
    as_lines = [json.loads(line) for line in (await export(api, "ndjson")).splitlines()]
    as_csv = list(csv.DictReader(io.StringIO((await export(api, "csv")).decode(), newline="")))
    assert as_json == as_lines
    assert [item["volume_id"] for item in as_json] == [item["volume_id"] for item in as_csv]
    assert [item["nb_pages"] for item in as_json] == list(range(1501))


async def test_export_of_nothing(api: Api) -> None:
    assert json.loads(await export(api, "json")) == []
    assert await export(api, "ndjson") == b""
    assert (await export(api, "csv")).startswith(b"volume_id,object_id,")


async def test_export_takes_the_filters_of_the_list(api: Api) -> None:
    await api.put(nb_pages=1)
    await api.put(weight="300 g")
    found = json.loads(await export(api, "json", missing="nb_pages"))
    assert [item["weight"] for item in found] == ["300 g"]


async def test_formula_is_escaped(api: Api) -> None:
    await api.put(extra_info='=HYPERLINK("http://x")')
    (row,) = csv.DictReader(io.StringIO((await export(api, "csv")).decode(), newline=""))
    assert row["extra_info"] == '\'=HYPERLINK("http://x")'


async def test_csv_of_a_french_spreadsheet(api: Api) -> None:
    content = f"\ufeffvolume_id;length;weight;extra_info\r\n{ONE};17,5;0,3 kg;déjà\r\n{TWO};;300 g;\r\n".encode()
    assert (await api.upload(content)).json()["counts"] == {"created": 2}
    first, second = (await api.get(VOLUMES))["items"]
    assert (first["length"], first["length_cm"], first["weight_g"], first["extra_info"]) == ("17,5", 17.5, 300, "déjà")
    assert (second["length"], second["weight_g"]) == (None, 300)


async def test_an_empty_cell_says_nothing_to_a_merge_and_clears_in_a_replacement(api: Api) -> None:
    await api.put(uuid.UUID(ONE), length="17,5", nb_pages=1)
    content = f"volume_id,length,nb_pages\n{ONE},,2\n"
    await api.upload(content)
    assert (await api.get(f"{VOLUMES}/{ONE}"))["length"] == "17,5"
    await api.upload(content, mode="replace")
    assert (await api.get(f"{VOLUMES}/{ONE}"))["length"] is None


async def test_issues_name_line_and_column(api: Api) -> None:
    content = f'volume_id,nb_pages,extra_info\n{ONE},1,"two\nlines"\n{TWO},many,\n{THREE},3\nx,4,\n{TWO},5,good\n'
    answer = (await api.upload(content)).json()
    assert answer["counts"] == {"created": 2, "invalid": 3}
    assert [(issue["line"], issue["column"]) for issue in answer["issues"]] == [
        (4, "nb_pages"),
        (5, None),
        (6, "volume_id"),
    ]


async def test_a_text_that_is_too_long_is_wrong_with_its_item_alone(api: Api) -> None:
    answer = (await api.upload(f"volume_id,extra_info\n{ONE},one\n{TWO},{'x' * 900_000}\n{THREE},three\n")).json()
    assert answer["counts"] == {"created": 2, "invalid": 1}
    assert [(issue["line"], issue["column"]) for issue in answer["issues"]] == [(3, "extra_info")]


async def test_import_leaves_locked_fields_and_says_so(api: Api) -> None:
    await api.put(uuid.UUID(ONE), nb_pages=1, locked_fields=["nb_pages"])
    answer = (await api.upload(f"volume_id,nb_pages,length\n{ONE},2,18\n")).json()
    assert answer["locked"] == [{"line": 2, "volume_id": ONE, "skipped_fields": ["nb_pages"]}]
    assert answer["locked_count"] == 1
    stored = await api.get(f"{VOLUMES}/{ONE}")
    assert (stored["nb_pages"], stored["length"]) == (1, "18")


async def test_atomic_import_takes_all_or_nothing(api: Api) -> None:
    rows = "".join(f"{uuid.uuid4()},{number}\n" for number in range(2500))
    refused = await api.upload(f"volume_id,nb_pages\n{rows}{ONE},many\n", atomic=True)
    assert (refused.status_code, refused.json()["code"]) == (422, "import_invalid")
    assert refused.json()["errors"][0]["location"] == ["body", 2502, "nb_pages"]
    assert (await api.get(f"{VOLUMES}/stats"))["volumes"] == 0
    done = await api.upload(f"volume_id,nb_pages\n{rows}", atomic=True)
    assert done.json()["counts"] == {"created": 2500}


async def test_file_that_breaks_off_is_named_by_line_and_may_be_sent_again(api: Api) -> None:
    rows = "".join(f"{uuid.uuid4()},{number}\n" for number in range(1500))
    broken = await api.upload(f'volume_id,nb_pages\n{rows}{ONE},"1\n')
    assert (broken.status_code, broken.json()["errors"][0]["location"]) == (422, ["body", 1502])
    assert (await api.get(f"{VOLUMES}/stats"))["volumes"] == 1000
    again = await api.upload(f"volume_id,nb_pages\n{rows}")
    assert again.json()["counts"] == {"unchanged": 1000, "created": 500}


@pytest.mark.parametrize("atomic", [False, True])
async def test_dry_run_says_what_would_be_and_writes_nothing(api: Api, atomic: bool) -> None:
    # the second time that a volume comes, it would be there
    content = f"volume_id,nb_pages\n{ONE},1\n{ONE},2\n{TWO},1\n"
    tried = (await api.upload(content, dry_run=True, atomic=atomic)).json()
    assert (await api.get(f"{VOLUMES}/stats"))["volumes"] == 0
    done = (await api.upload(content, atomic=atomic)).json()
    assert tried == done | {"dry_run": True}


async def test_answer_stays_short(api: Api) -> None:
    await api.put(uuid.UUID(ONE), nb_pages=0, locked_fields=["nb_pages"])
    wrong = "x,1\n" * (MAX_TOLD + 10)
    locked = f"{ONE},1\n" * (MAX_TOLD + 10)
    answer = (await api.upload(f"volume_id,nb_pages\n{wrong}{locked}")).json()
    assert answer["counts"] == {"invalid": MAX_TOLD + 10, "unchanged": MAX_TOLD + 10}
    assert answer["locked_count"] == MAX_TOLD + 10
    assert (len(answer["issues"]), len(answer["locked"])) == (MAX_TOLD, MAX_TOLD)


@pytest.mark.parametrize("options", [{}, {"atomic": True}, {"dry_run": True}])
async def test_a_key_replays_the_answer_of_an_import(api: Api, options: Mapping[str, Any]) -> None:
    headers = {**MACHINE, "Idempotency-Key": "file"}
    content = f"volume_id,nb_pages\n{ONE},1\n{TWO},2\n"
    done = await api.upload(content, headers=headers, **options)
    again = await api.upload(content, headers=headers, **options)
    assert again.content == done.content
    assert (again.headers["idempotent-replayed"], done.json()["counts"]) == ("true", {"created": 2})
    other = await api.upload(content + f"{THREE},3\n", headers=headers, **options)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_option_that_is_misspelt_is_no_option(api: Api) -> None:
    answer = await api.upload(f"volume_id,nb_pages\n{ONE},1\n", dryrun=True)
    assert (answer.status_code, answer.json()["errors"][0]["location"]) == (422, ["query", "dryrun"])
    assert (await api.get(f"{VOLUMES}/stats"))["volumes"] == 0


IMPATIENT = replace(SERVICE, server_settings={"idle_in_transaction_session_timeout": "1s"})


async def pause_in_the_middle() -> AsyncIterator[bytes]:
    """Yield a file, and for longer than the impatient service waits nothing of it."""
    yield b"volume_id,nb_pages\n"
    yield f"{ONE},1\n".encode() * MAX_ITEMS  # which begins to write
    await asyncio.sleep(2)
    yield f"{TWO},2\n".encode()


@pytest.mark.parametrize("options", [{"atomic": True}, {"dry_run": True}])
async def test_upload_that_pauses_in_its_transaction(data_url: URL, options: Mapping[str, Any]) -> None:
    async with run_api(data_url, IMPATIENT) as api:
        await empty(api.url)
        answer = await api.upload(pause_in_the_middle(), **options)
        assert answer.json()["counts"] == {"created": 2, "unchanged": MAX_ITEMS - 1}


@pytest.mark.parametrize("options", [{}, {"atomic": True}])
async def test_upload_that_pauses_gets_its_first_answer_again(data_url: URL, options: Mapping[str, Any]) -> None:
    headers = {**MACHINE, "Idempotency-Key": "file"}
    async with run_api(data_url, IMPATIENT) as api:
        await empty(api.url)
        done = await api.upload(pause_in_the_middle(), headers=headers, **options)
        again = await api.upload(pause_in_the_middle(), headers=headers, **options)
        assert (again.status_code, again.content) == (200, done.content)
        assert again.headers["idempotent-replayed"] == "true"


async def test_upload_in_small_pieces(api: Api) -> None:
    content = f'volume_id,extra_info\n{ONE},"é\nü"\n{TWO},ß\n'.encode()

    async def pieces() -> AsyncIterator[bytes]:
        for position in range(len(content)):
            yield content[position : position + 1]

    assert (await api.upload(pieces())).json()["counts"] == {"created": 2}
    assert [item["extra_info"] for item in (await api.get(VOLUMES))["items"]] == ["é\nü", "ß"]
