"""A file is read as a person sees it, however it comes in pieces; what is wrong with it is named by line and column."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booksync_api_data.transfer.cells import escape_cell, restore_cell
from booksync_api_data.transfer.csv_reading import CsvReader
from booksync_api_data.transfer.decoding import Utf8
from booksync_api_data.transfer.located import MAX_ITEM, Located
from booksync_api_data.transfer.reading import Reader, make_reader
from booksync_common.problems import ProblemError


def read(content: bytes, media_type: str = "text/csv", *, cuts: Iterable[int] = ()) -> list[Located]:
    """Read a file in pieces."""
    reader, text = make_reader(media_type), Utf8()
    places = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    found: list[Located] = []
    for begin, end in pairwise(places):
        found += reader.feed(text.feed(content[begin:end]))
    found += reader.feed(text.feed(b"", is_last=True))
    return found + list(reader.close())


def read_values(content: bytes | str, media_type: str = "text/csv", **options: Any) -> list[Any]:
    """Read a file in which nothing is wrong."""
    found = read(content.encode() if isinstance(content, str) else content, media_type, **options)
    assert [item.issue for item in found] == [None] * len(found)
    return [dict(item.value or {}) for item in found]


ROW = {"volume_id": "1", "length": "17,5"}

cuts = st.lists(st.integers(0, 10_000), max_size=8)
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)
spaced = st.sampled_from(["\n", "\r\n"])


@pytest.mark.parametrize(
    "content",
    [
        'volume_id,length\n1,"17,5"\n',
        "volume_id;length\n1;17,5\n",
        "volume_id;length\r\n1;17,5\r\n",
        "volume_id\tlength\n1\t17,5",
        "\ufeffvolume_id;length\n1;17,5\n",
        ' Volume_ID ;"LENGTH"\n1;"17,5"\n\n;\n',
        "length;volume_id;weight;version\n17,5;1;;7\n",
    ],
)
def test_csv_as_spreadsheets_write_it(content: str) -> None:
    assert read_values(content) == [ROW]


@given(
    rows=st.lists(st.tuples(cells.filter(str.strip), cells), max_size=5),
    delimiter=st.sampled_from(",;\t"),
    end=spaced,
    is_marked=st.booleans(),
    cuts=cuts,
)
def test_csv_comes_back_however_it_is_cut(
    rows: Sequence[tuple[str, str]], delimiter: str, end: str, is_marked: bool, cuts: list[int]
) -> None:
    output = io.StringIO(newline="")
    writer = csv.writer(output, delimiter=delimiter, lineterminator=end)
    writer.writerows([["volume_id", "length"], *([escape_cell(cell) for cell in row] for row in rows)])
    content = (b"\xef\xbb\xbf" if is_marked else b"") + output.getvalue().encode()
    expected = [
        {name: cell for name, cell in zip(("volume_id", "length"), row, strict=True) if escape_cell(cell).strip()}
        for row in rows
    ]
    assert read_values(content, cuts=cuts) == expected


documents = st.lists(
    st.dictionaries(
        st.sampled_from(["volume_id", "length", "extra_info", 'a"}{b']),
        st.recursive(
            st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        ),
    ),
    max_size=4,
)


@given(documents, st.sampled_from([None, 1, 4]), st.booleans(), cuts)
def test_json_comes_back_however_it_is_cut(
    items: list[Any], indent: int | None, is_ascii: bool, cuts: list[int]
) -> None:
    text = json.dumps(items, indent=indent, ensure_ascii=is_ascii).encode(errors="surrogatepass")
    assert read_values(text.decode(errors="replace").encode(), "application/json", cuts=cuts) == json.loads(
        text.decode(errors="replace")
    )


@given(documents, spaced, st.booleans(), cuts)
def test_ndjson_comes_back_however_it_is_cut(items: list[Any], end: str, is_ended: bool, cuts: list[int]) -> None:
    text = end.join(json.dumps(item) for item in items) + (end if is_ended else "")
    assert read_values(text, "application/x-ndjson", cuts=cuts) == items


@given(st.text() | st.text("'=+-@;\t\r\na"))
def test_every_cell_comes_back_and_none_is_a_formula(text: str) -> None:
    cell = escape_cell(text)
    assert restore_cell(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    # nor is a part of it, where semicolons or tabs are between cells
    assert not any(part.startswith(("=", "+", "-", "@")) for part in re.split(r"[;\t\r\n]", cell))


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        ("", 1, None),
        ("volume_id,pages\n", 1, 2),
        ("volume_id,volume_id\n", 1, 2),
        ("length\n", 1, None),
        ('volume_id,length\n1,"17\n2,18\n', 2, None),
        ('volume_id,length\n1,17\n2,"18"x\n', 3, None),
        ('volume_id,length\n"1\n1",2\n3,"4"x\n', 4, None),
        (b"volume_id,extra_info\n1,caf\xe9\n", 2, 6),
        ("volume_id,extra_info\n1,é".encode()[:-1], 2, 3),
        ("volume_id\n" + '"' + "x" * (MAX_ITEM + 1), 2, None),
    ],
)
@pytest.mark.parametrize("cuts", [(), (1, 2, 3, 22), range(100)])
def test_csv_that_cannot_be_read_on_from_some_place(
    content: str | bytes, line: int, column: int | None, cuts: Iterable[int]
) -> None:
    with pytest.raises(ProblemError) as caught:
        read(content.encode() if isinstance(content, str) else content, cuts=cuts)
    assert (caught.value.status, caught.value.code) == (422, "import_unreadable")
    assert caught.value.errors[0]["location"] == ["body", line, *([] if column is None else [column])]


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        ("", 1, 1),
        ("{}", 1, 1),
        ('"text"', 1, 1),
        ("[{}", 1, 4),
        ("[{}\n{}]", 1, 4),
        ("[{},\n{},]", 2, 3),
        ("[1]", 1, 2),
        ('["a"]', 1, 2),
        ("[{}] x", 1, 5),
        ("[{}] []", 1, 6),
        ("[{}\n\n}", 3, 1),
    ],
)
@pytest.mark.parametrize("pieces", [1, 100])
def test_json_that_cannot_be_read_on_from_some_place(content: str, line: int, column: int, pieces: int) -> None:
    with pytest.raises(ProblemError) as caught:
        read(content.encode(), "application/json", cuts=range(pieces))
    assert caught.value.errors[0]["location"] == ["body", line, column]


@pytest.mark.parametrize(
    ("content", "media_type", "line", "column"),
    [
        ("volume_id,length\n1,2\n1,2,3\n", "text/csv", 3, None),
        ('volume_id,length\n"1\n\n",2\n1\n', "text/csv", 5, None),
        ('{"volume_id": 1}\n{"volume_id" 1}\n', "application/x-ndjson", 2, 14),
        ("{}\n[]\n", "application/x-ndjson", 2, 1),
        ('[{},\n {"a":\n  tru}]', "application/json", 3, 3),
        ('[{}, {"a" 1}]', "application/json", 1, 11),
        ("[{}, []]", "application/json", 1, 6),
        ('[{"a": ' + "9" * 5000 + "}]", "application/json", 1, 2),
        ('[{"a": ' + "[" * 100_000 + "]" * 100_000 + "}]", "application/json", 1, 2),
    ],
)
def test_place_of_an_item_that_is_wrong(content: str, media_type: str, line: int, column: int | None) -> None:
    (issue,) = [item.issue for item in read(content.encode(), media_type) if item.issue is not None]
    assert (issue.line, issue.column) == (line, column)


@pytest.mark.parametrize("media_type", [None, "", "text/plain", "multipart/form-data", "text/csv; charset=latin-1"])
def test_other_files_are_refused(media_type: str | None) -> None:
    with pytest.raises(ProblemError) as caught:
        make_reader(media_type)
    assert caught.value.status == 415


def test_charset_may_be_said() -> None:
    reader: Reader = make_reader('Text/CSV; header=present; charset="UTF-8"')
    assert isinstance(reader, CsvReader)
