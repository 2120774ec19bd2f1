"""The closure of Debian packages is what apt would take of Depends and Pre-Depends, less what is excluded."""

import pytest

from booksync_fetch.debian_index import Index, parse_stanzas
from booksync_fetch.errors import BootstrapError


def index(**packages: str) -> Index:
    """Return the index of packages; an underscore of a name is a hyphen, fields are separated by a semicolon."""
    stanzas = [
        "\n".join([f"Package: {name.replace('_', '-')}", *(field.strip() for field in fields.split(";") if field)])
        for name, fields in packages.items()
    ]
    return Index({fields["Package"]: fields for fields in parse_stanzas("\n\n".join(stanzas))})


def test_dependencies_are_followed_to_their_end() -> None:
    found = index(a="Depends: b", b="Depends: c", c="", other="").close(["a"], [])
    assert found == ["a", "b", "c"]


def test_predependencies_are_dependencies_and_recommendations_are_not() -> None:
    found = index(a="Pre-Depends: b; Depends: c; Recommends: d; Suggests: d", b="", c="", d="").close(["a"], [])
    assert found == ["a", "b", "c"]


def test_a_circle_has_an_end() -> None:
    assert index(a="Depends: b", b="Depends: a").close(["a"], []) == ["a", "b"]


@pytest.mark.parametrize(
    "dependency",
    ["b (>= 2.0)", "b(>= 2.0)", "b:any", "b:any (>= 2.0)", "b:amd64", "b [amd64]", "b <!nocheck>", " b ", "b , b"],
)
def test_versions_and_architectures_of_a_dependency_are_left_out(dependency: str) -> None:
    assert index(a=f"Depends: {dependency}", b="").close(["a"], []) == ["a", "b"]


@pytest.mark.parametrize(
    ("alternatives", "chosen"),
    [("b | c", "b"), ("none | c", "c"), ("none | also-none | c (>= 1) | b", "c"), ("virtual | c", "c")],
)
def test_the_first_alternative_that_is_a_package_is_taken(alternatives: str, chosen: str) -> None:
    found = index(a=f"Depends: {alternatives}", b="", c="", provider="Provides: virtual").close(["a"], [])
    assert found == ["a", chosen]


def test_an_alternative_that_is_wanted_anyway_meets_a_dependency() -> None:
    packages = index(a="Depends: b | c", b="", c="")
    assert packages.close(["c", "a"], []) == ["a", "c"]
    assert packages.close(["a", "c"], []) == ["a", "c"]


def test_a_virtual_package_is_provided_by_the_first_by_name() -> None:
    packages = index(a="Depends: mta", postfix="Provides: mta", exim="Provides: other, mta (= 1.0)")
    assert packages.close(["a"], []) == ["a", "exim"]


def test_a_virtual_package_that_is_provided_anyway_brings_no_other() -> None:
    packages = index(a="Depends: mta", postfix="Provides: mta", exim="Provides: mta")
    assert packages.close(["postfix", "a"], []) == ["a", "postfix"]


def test_what_is_excluded_is_left_out_with_what_only_it_needs() -> None:
    packages = index(a="Depends: b, c", b="Depends: d", c="", d="")
    assert packages.close(["a"], ["b"]) == ["a", "c"]


def test_an_excluded_root_is_left_out() -> None:
    assert index(a="Depends: b", b="", c="").close(["a", "c"], ["a"]) == ["c"]


def test_what_is_excluded_meets_an_alternative_and_a_virtual_name() -> None:
    packages = index(a="Depends: b | c, mta", b="", c="", exim="Provides: mta", postfix="Provides: mta")
    assert packages.close(["a"], ["c", "postfix"]) == ["a"]


def test_a_name_need_not_be_a_package_to_be_excluded() -> None:
    assert index(a="Depends: awk").close(["a"], ["awk"]) == ["a"]


def test_an_unknown_root_is_named() -> None:
    with pytest.raises(BootstrapError, match=r"inputs\.json: expected lib-gone in the suites, found no such package"):
        index(a="").close(["lib-gone"], [])


def test_an_unknown_dependency_is_named_with_who_needs_it() -> None:
    with pytest.raises(BootstrapError, match=r"^b: expected gone \| lost in the suites, found no such package"):
        index(a="Depends: b", b="Depends: gone (>= 1) | lost").close(["a"], [])


def test_stanzas_have_the_first_lines_of_their_fields() -> None:
    text = (
        "Package: a\nDescription: short: text\n long text\n .\n\tPackage: fake\nVersion: 1:2.0-1\n"
        "\n"
        "Package: b\nTag: one,\n two\nHomepage: https://b.example/\n"
        "\n\n"
    )
    assert list(parse_stanzas(text)) == [
        {"Package": "a", "Description": "short: text", "Version": "1:2.0-1"},
        {"Package": "b", "Tag": "one,", "Homepage": "https://b.example/"},
    ]


def test_no_text_has_no_stanzas() -> None:
    assert list(parse_stanzas("")) == []
    assert list(parse_stanzas("\n\n\n")) == []
