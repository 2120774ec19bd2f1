"""An entry of a bill of materials: one thing that an image is made of, with the files that are its own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

type Kind = Literal["deb", "pypi", "generic"]
type Purpose = Literal["library", "application", "machine-learning-model"]


@dataclass(frozen=True, kw_only=True)
class Licence:
    """What the component says of its licence itself.

    :param expression: SPDX licence expression, or NOASSERTION
    :param references: what its LicenseRef-… stand for
    """

    expression: str
    references: Mapping[str, str] = field(default_factory=dict)


UNKNOWN_LICENCE = Licence(expression="NOASSERTION")


@dataclass(frozen=True, kw_only=True)
class File:
    """A regular file, by its path below the root."""

    path: str
    sha1: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Component:
    """An entry of a bill of materials.

    :param version: empty where nothing says it
    :param purl: package URL (ECMA-427)
    :param cpe: CPE 2.3 name, by which scanners find what has no package manager; empty where it has one
    :param source: file name of the locked artifact that it comes from; empty for this project's own
    :param sha256: of that file
    :param within: name of the component that has it compiled in; it has no files of its own then
    :param links: paths of symbolic links, which have no content to be hashed
    """

    kind: Kind
    name: str
    version: str
    purl: str
    supplier: str
    licence: Licence = UNKNOWN_LICENCE
    purpose: Purpose = "library"
    source: str = ""
    sha256: str = ""
    within: str = ""
    cpe: str = ""
    files: Sequence[File] = ()
    links: Sequence[str] = ()

    @property
    def key(self) -> str:
        """What it is called in documents: no other component of an image has it."""
        return f"{self.kind}-{self.name}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Component":
        return cls(
            **{
                **value,
                "licence": Licence(**value["licence"]),
                "files": [File(**file) for file in value["files"]],
            }
        )
