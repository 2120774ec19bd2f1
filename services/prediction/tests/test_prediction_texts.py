"""The text of an item: clean, without HTML, the same for the same facts, and never nothing."""

import time
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booksync_api_prediction.embeddings.bodies import Item
from booksync_api_prediction.embeddings.rows import Prepared, prepare_item
from booksync_api_prediction.names import make_key
from booksync_api_prediction.texts import build_text, clean, strip_html
from booksync_common.problems import ProblemError


def prepare(item: Item) -> Prepared:
    """Prepare an item of a bulk."""
    return prepare_item(item.kind, item.id, item)


ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Un garçon.</p><p>Une fille.</p>", "Un garçon. Une fille."),
        ("L&#39;&eacute;t&eacute; &amp; l&apos;hiver&nbsp;: 2 &lt; 3", "L'été & l'hiver : 2 < 3"),
        ("ligne<br/>ligne", "ligne ligne"),
        ("<script>alert(1)</script>texte<style>p{}</style>", "texte"),
        ("<p>jamais fermé <b>gras", "jamais fermé gras"),
        ("a < b et c > d", "a < b et c > d"),
        ("  \t\n\x00 x\u200b\x07 ", "x"),
        ("</script>texte", "texte"),
        ("a <![SPOILER] b", "a <![SPOILER] b"),
        ("a <![CDATA[x]]> b", "a b"),
        ("a <!DOCTYPE html><!-- b > c --> d <?php e ?>", "a d"),
        ('a <a href="b > c">d</a> <a href="e>f', "a d f"),
        ("a <SCRIPT type='x'>b</Script > c <script>d", "a c"),
        ("&lt;b&gt; &#0; &#xD800;", "<b> \ufffd \ufffd"),
        ("", ""),
    ],
)
def test_html_is_text(html: str, text: str) -> None:
    assert strip_html(html) == text


@pytest.mark.parametrize(
    "piece", ["<a ", '<a "', "<a '", "<!--", "<![", "<script ", "<script>", "</script ", "<script></script", "&lt", "<"]
)
def test_hostile_html_is_read_in_no_time(piece: str) -> None:
    begin = time.process_time()
    strip_html(piece * (50_000 // len(piece)))
    assert time.process_time() - begin < 1


@given(ANY)
def test_whatever_comes_is_clean(value: str) -> None:
    for text in (clean(value), strip_html(value)):
        assert text == text.strip()
        assert "\x00" not in text
        assert "  " not in text
        assert clean(text) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [("Comédie", "COMEDIE"), ("Tranche-de-vie", "tranche de  vie"), ("Œuvre", "œuvre"), ("ﬁlle", "fille")],
)
def test_spellings_of_a_name_have_one_key(one: str, other: str) -> None:
    assert make_key(one) == make_key(other)


@given(ANY)
def test_key_of_a_key_is_itself(name: str) -> None:
    assert make_key(make_key(name)) == make_key(name)


def test_order_of_the_parts() -> None:
    text = build_text(title="T", kinds=["A", "B"], authors=["C"], publisher="P", synopsis="S")
    assert text == "T\nA, B\nC\nP\nS"
    assert build_text(title="", kinds=[], authors=[], publisher=None, synopsis="") == ""


def test_nothing_to_embed_is_refused() -> None:
    with pytest.raises(ProblemError) as caught:
        prepare(Item(kind="volume", id=uuid4(), synopsis="<p> </p>\x00"))
    assert (caught.value.status, caught.value.code) == (422, "empty_text")


def test_names_come_with_and_without_ids_and_once() -> None:
    kind_id = uuid4()
    item = Item.model_validate(
        {"kind": "volume", "id": uuid4(), "kinds": ["Drame", {"id": kind_id, "name": "Seinen"}, "drame"]}
    )
    prepared = prepare(item)
    assert prepared.values["kind_names"] == ["Drame", "Seinen"]
    assert prepared.values["kind_keys"] == ["drame", "seinen"]
    assert prepared.values["kinds"] == [kind_id]


def test_facts_beside_the_text_do_not_change_its_hash() -> None:
    item_id = uuid4()
    plain = prepare(Item(kind="volume", id=item_id, title="T"))
    other = prepare(Item(kind="volume", id=item_id, title="T", adult=True, number=3, lang="fr"))
    assert plain.content_hash == other.content_hash
    assert plain.content_hash != prepare(Item(kind="volume", id=item_id, title="U")).content_hash


@given(ANY, ANY)
def test_item_of_a_job_is_what_the_request_said(title: str, synopsis: str) -> None:
    item = Item(kind="volume", id=UUID(int=1), title=f"T{title}"[:500], synopsis=f"&amp;lt;b&amp;gt;{synopsis}")
    assert prepare(Item.model_validate(item.model_dump(mode="json"))) == prepare(item)
