"""What goes where: each image's repository, tags, and the repositories that may have some of its layers already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from booksync_apps.layout import Image
from booksync_apps.reference import Target, check_tag, split_variant


@dataclass(frozen=True)
class Publication:
    """One image, and what it will be called in the registry.

    :param repository: without the registry
    :param siblings: repositories that may have some of its blobs: digest -> repositories
    """

    image: Image
    repository: str
    reference: str
    tags: tuple[str, ...]
    siblings: Mapping[str, tuple[str, ...]]

    @property
    def pinned(self) -> str:
        """The reference by digest."""
        return f"{self.reference}@{self.image.digest}"


def plan_publications(
    images: Mapping[str, Image], *, selected: Sequence[Image], target: Target, tags: Sequence[str] | None
) -> list[Publication]:
    """Say what goes where, under which tags, and which repositories share which blobs."""
    holders: dict[str, list[str]] = {}
    for image in images.values():
        repository = target.repository(split_variant(image.name)[0])
        for digest, blob in image.blobs.items():
            if blob.mountable and repository not in holders.setdefault(digest, []):
                holders[digest].append(repository)
    publications = []
    for image in selected:
        name, ending = split_variant(image.name)
        repository = target.repository(name)
        publications.append(
            Publication(
                image=image,
                repository=repository,
                reference=target.reference(name),
                tags=tuple(dict.fromkeys(check_tag(tag + ending) for tag in tags or (image.version, "latest"))),
                siblings={
                    digest: tuple(holder for holder in holders.get(digest, ()) if holder != repository)
                    for digest in image.blobs
                },
            )
        )
    return publications
