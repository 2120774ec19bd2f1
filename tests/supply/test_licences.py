"""Licences of Debian and PyPI become SPDX expressions where that is certain, and references to texts elsewhere."""

import pytest
from license_expression import get_spdx_licensing

from booksync_build.licences import parse_debian_copyright, parse_wheel_licence

FORMAT = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"


def copyright_of(*licences: str) -> str:
    return FORMAT + "".join(f"\nFiles: {number}\nLicense: {name}\n text\n" for number, name in enumerate(licences))


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["GPL-2+"], "GPL-2.0-or-later"),
        (["Expat", "Expat", "zlib"], "MIT AND Zlib"),
        (["BSD-3-clause or GPL-2"], "(BSD-3-Clause OR GPL-2.0-only)"),
        (["GPL-2 and LGPL-2.1+", "GPL-2"], "GPL-2.0-only AND LGPL-2.1-or-later"),
        (["Expat, or GPL-2 and GPL-3"], "((GPL-2.0-only AND GPL-3.0-only) OR MIT)"),
        (["Expat or GPL-2, and zlib"], "LicenseRef-thing-Expat-or-GPL-2-and-zlib"),
        (["GPL"], "LicenseRef-thing-GPL"),
        (["GPL-2+ with Bison exception"], "LicenseRef-thing-GPL-2-with-Bison-exception"),
    ],
)
def test_debian_s_names_become_spdx_s(licences: list[str], expected: str) -> None:
    found = parse_debian_copyright(copyright_of(*licences), package="thing")
    assert found.expression == expected
    assert {str(key) for key in get_spdx_licensing().unknown_license_keys(expected)} == set(found.references)


def test_what_is_not_known_says_where_its_text_is() -> None:
    found = parse_debian_copyright(copyright_of("GPL or Artistic", "GPL"), package="thing")
    assert found.references["LicenseRef-thing-GPL"].endswith("calls 'GPL'")
    assert "/usr/share/doc/thing/copyright (SHA-256 " in found.references["LicenseRef-thing-GPL"]


def test_free_text_is_a_licence_of_its_own() -> None:
    found = parse_debian_copyright("This is GPL-2+.\nLicense: GPL-2+\n", package="thing")
    assert found.expression == "LicenseRef-thing-copyright"
    assert list(found.references) == ["LicenseRef-thing-copyright"]


@pytest.mark.parametrize(
    ("expression", "text", "classifiers", "expected"),
    [
        ("MIT AND PSF-2.0", "ignored", [], "MIT AND PSF-2.0"),
        ("LicenseRef-Own", None, [], "LicenseRef-Own"),
        (None, "Apache 2.0", [], "Apache-2.0"),
        (None, "MPL-2.0 AND MIT", [], "MPL-2.0 AND MIT"),
        (None, None, ["License :: OSI Approved :: MIT License"], "MIT"),
        (None, "BSD", ["License :: OSI Approved :: BSD License"], "LicenseRef-thing-licence"),
        (None, None, ["License :: OSI Approved :: BSD License"], "LicenseRef-thing-licence"),
        (None, "MIT OR Apache-2.0", [], "MIT OR Apache-2.0"),
        (None, "MIT, partly", [], "LicenseRef-thing-licence"),
        (None, "MIT/Apache-2.0", [], "LicenseRef-thing-licence"),
        (None, "MIT Apache-2.0", [], "LicenseRef-thing-licence"),
        (None, "MIT AND", [], "LicenseRef-thing-licence"),
        (None, "MIT AND Zlib OR ISC", [], "LicenseRef-thing-licence"),
        (None, None, ["Programming Language :: Python"], "NOASSERTION"),
    ],
)
def test_metadata_s_licence(expression: str | None, text: str | None, classifiers: list[str], expected: str) -> None:
    found = parse_wheel_licence(package="thing", expression=expression, text=text, classifiers=classifiers)
    assert found.expression == expected
    assert all(key.startswith("LicenseRef-") and words for key, words in found.references.items())
    assert ("LicenseRef-" in expected) == bool(found.references)
