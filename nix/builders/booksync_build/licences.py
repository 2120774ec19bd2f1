"""Licences as Debian and PyPI write them, as SPDX licence expressions (SPDX 2.3, annex D).

What is not certainly a licence of SPDX's list becomes a LicenseRef of the component, which says where its text stands:
a wrong name would be worse than none.
"""

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

from booksync_build.component import UNKNOWN_LICENCE, Licence

#: Identifiers of SPDX's list that are taken as they are.
SPDX = frozenset(
    (
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "FSFAP", "FSFUL"),
        *("FSFULLR", "ISC", "MIT", "MIT-0", "MPL-2.0", "PostgreSQL", "PSF-2.0", "Zlib"),
    )
)

#: Short names of Debian's copyright format 1.0 that mean one licence of SPDX's list.
DEBIAN = {
    "Apache-2": "Apache-2.0",
    "Artistic": "Artistic-1.0-Perl",
    "BSD-2-clause": "BSD-2-Clause",
    "BSD-3-clause": "BSD-3-Clause",
    "Expat": "MIT",
    "GPL-1": "GPL-1.0-only",
    "GPL-1+": "GPL-1.0-or-later",
    "GPL-2": "GPL-2.0-only",
    "GPL-2+": "GPL-2.0-or-later",
    "GPL-3": "GPL-3.0-only",
    "GPL-3+": "GPL-3.0-or-later",
    "LGPL-2": "LGPL-2.0-only",
    "LGPL-2+": "LGPL-2.0-or-later",
    "LGPL-2.1": "LGPL-2.1-only",
    "LGPL-2.1+": "LGPL-2.1-or-later",
    "LGPL-3": "LGPL-3.0-only",
    "LGPL-3+": "LGPL-3.0-or-later",
    "zlib": "Zlib",
}

#: Texts of the field License, and classifiers of PyPI, that mean one licence. "BSD" has several.
PYPI = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}

WORD = re.compile(r"[A-Za-z0-9.+-]+")
#: Some of SPDX's list with one operator, so that there is nothing to bracket.
EXPRESSION = re.compile(r"({0})(( AND ({0}))*|( OR ({0}))*)".format("|".join(map(re.escape, sorted(SPDX)))))
COPYRIGHT_FORMAT = "packaging-manuals/copyright-format/1.0"


def reference(package: str, name: str) -> str:
    """Return the LicenseRef of a licence that one package calls so."""
    return "LicenseRef-" + re.sub(r"[^A-Za-z0-9.]+", "-", f"{package}-{name}").strip("-")


def parse_debian_copyright(text: str, *, package: str) -> Licence:
    """Read a package's copyright file: all licences that it names, each of which some of its files have.

    A file in free text is a licence of its own.
    """
    where = f"/usr/share/doc/{package}/copyright (SHA-256 {sha256(text.encode()).hexdigest()})"
    if COPYRIGHT_FORMAT not in text[:1000]:
        name = reference(package, "copyright")
        return Licence(expression=name, references={name: f"The text of {where}"})
    parts: set[str] = set()
    references: dict[str, str] = {}
    for name in sorted(set(re.findall(r"^License:[ \t]*(\S.*?)[ \t]*$", text, re.MULTILINE))):
        # a comma before "and" binds looser than "or": such a licence is not taken apart
        choices = [name] if ", and " in name and " or " in name else re.split(r",? or ", name)
        terms = {term: _debian_term(term, package=package) for term in choices}
        alternatives = sorted(set(terms.values()))
        parts.update(alternatives[0].split(" AND ") if len(alternatives) == 1 else [_grouped(alternatives)])
        for term, identifier in terms.items():
            if identifier.startswith("LicenseRef-"):
                references[identifier] = f"What {where} calls {term!r}"
    return Licence(expression=" AND ".join(sorted(parts)), references=references) if parts else UNKNOWN_LICENCE


def _debian_term(term: str, *, package: str) -> str:
    """Return one alternative of a licence of Debian's, which may be several at once ("and")."""
    names = re.split(r",? and ", term)
    known = [DEBIAN.get(name, name) for name in names]
    if all(name in SPDX or name in DEBIAN.values() for name in known):
        return " AND ".join(sorted(set(known)))
    return reference(package, term)


def _grouped(alternatives: Iterable[str]) -> str:
    """Return alternatives as one operand of AND."""
    return f"({' OR '.join(f'({choice})' if ' ' in choice else choice for choice in alternatives)})"


def parse_wheel_licence(
    *, package: str, expression: str | None, text: str | None, classifiers: Iterable[str]
) -> Licence:
    """Read what core metadata says: License-Expression (PEP 639), else License, else classifiers."""
    if expression:
        return Licence(expression=expression, references=_explain(expression, package=package))
    text = (text or "").strip()
    if text in PYPI:
        return Licence(expression=PYPI[text])
    if EXPRESSION.fullmatch(text):
        return Licence(expression=text)
    licences = [name for name in classifiers if name.startswith("License :: ")]
    if len(licences) == 1 and licences[0] in PYPI:
        return Licence(expression=PYPI[licences[0]])
    if not text and not licences:
        return UNKNOWN_LICENCE
    name = text if re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", text) else reference(package, "licence")
    said = text or "; ".join(licences)
    return Licence(expression=name, references={name: f"What the metadata of {package} says: {said}"})


def _explain(expression: str, *, package: str) -> Mapping[str, str]:
    """Return what the LicenseRefs of an expression stand for."""
    return {
        word: f"What the licence files of {package} call {word.removeprefix('LicenseRef-')}"
        for word in WORD.findall(expression)
        if word.startswith("LicenseRef-")
    }
