"""Bring images to a registry, by digest first, then their tags.

All digests go before any tag: a push that ends half-way leaves blobs that nothing points to, and every tag as it was.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from booksync_apps.credentials import CredentialsFile
from booksync_apps.diagnosis import Circumstances, explain
from booksync_apps.errors import AppError
from booksync_apps.layout import Blob, write_whole_layout
from booksync_apps.oras import SHORT_DIGEST_LENGTH, Oras, OrasError, Step
from booksync_apps.progress import Progress, Tally, format_bytes
from booksync_apps.publication import Publication
from booksync_apps.registry import Registry
from booksync_apps.signature import build_signature, signature_tag, write_signature_layout
from booksync_apps.transport import NoAnswerError, RefusedError


@dataclass
class Delivery:
    """The effects: what is done to one registry.

    :param key: signs the images, where there is one
    """

    registry: Registry
    oras: Oras
    credentials: CredentialsFile
    progress: Progress
    key: Any = None

    def run(self, publications: Sequence[Publication], *, output: TextIO) -> Tally:
        """Push all by digest, sign all, then tag all; write each reference when its tags stand.

        :raises AppError: something could not be done
        """
        total = Tally()
        for publication in publications:
            total.add(self.push_digest(publication))
        for publication in publications if self.key else ():
            total.moved += self.sign(publication)
        for publication in publications:
            total.moved += self.tag(publication)
            print(publication.pinned, file=output, flush=True)
        return total

    def push_digest(self, publication: Publication) -> Tally:
        """Bring an image and the artifacts about it to the registry, by their digests; return the bytes."""
        image = publication.image
        self.progress.line(f"{image.name} {image.version} -> {publication.reference}")
        self.progress.restart()
        mounted = self.mount(publication)
        by_short = {short_digest(blob): blob for blob in image.blobs.values()}
        whole = sum(blob.size for blob in image.blobs.values())
        tally = Tally(mounted=sum(blob.size for blob in mounted))

        def on_step(step: Step, short: str) -> None:
            blob = by_short[short]
            if step == "Copied":
                tally.moved += blob.size
                self._line("moved", blob)
            elif step == "Exists" and blob not in mounted:
                self._line("exists", blob, note="with all below it" if blob == image.index else "")

        def on_tick(position: int) -> None:
            self.progress.tick(tally.moved + position, whole - tally.mounted)

        try:
            with tempfile.TemporaryDirectory(prefix="booksync-push-") as folder:
                write_whole_layout(image, Path(folder))
                copy = partial(
                    self.oras.copy,
                    layout=Path(folder),
                    digest=image.digest,
                    repository=publication.reference,
                    blobs={blob.path for blob in image.blobs.values()},
                    on_step=on_step,
                    on_tick=on_tick,
                )
                copy()
                tally.present = whole - tally.moved - tally.mounted
                if self._lists_lack(publication):
                    # a push that ended between an artifact and its listing; oras leaves alone what is there
                    self.progress.line("  artifacts are there and not listed; sending the manifests again")
                    copy(force=True)
                    if self._lists_lack(publication):
                        raise AppError(
                            f"{self.registry.host} does not list the artifacts about {image.name}, though it has them",
                            way_out="run it again, or leave them here: --no-artifacts",
                        )
        except (OrasError, NoAnswerError) as error:
            raise self._explained(OrasError(str(error)), publication, arrived=tally.moved) from error
        self.progress.line(f"  {tally}")
        return tally

    def _lists_lack(self, publication: Publication) -> bool:
        """Tell whether an artifact is missing from the list of what is about its manifest."""
        for subject, artifacts in publication.image.referrers.items():
            listed = self.registry.list_referrers(publication.repository, subject)
            if listed is not None and not artifacts <= listed:
                return True
        return False

    def mount(self, publication: Publication) -> list[Blob]:
        """Have the registry take over, from sibling repositories, what this one lacks.

        Optional: whatever goes wrong here, oras sends the bytes, or says what is wrong.
        """
        mounted: list[Blob] = []
        image, repository = publication.image, publication.repository
        try:
            if self.registry.manifest_digest(repository, image.digest) == image.digest:
                return mounted
            for digest, blob in image.blobs.items():
                sources = publication.siblings[digest]
                if not sources or self.registry.has_blob(repository, digest):
                    continue
                for source in sources:
                    if not self._can_take_from(source, digest):
                        continue
                    if self.registry.mount_blob(repository, digest, source=source):
                        mounted.append(blob)
                        self._line("mounted", blob, note=f"from {source}")
                        break
        except NoAnswerError as error:
            self.progress.line(f"  not mounted from other repositories: {error}")
        return mounted

    def _can_take_from(self, source: str, digest: str) -> bool:
        try:
            return self.registry.has_blob(source, digest)
        except RefusedError:  # somebody else's; another sibling may be ours
            return False

    def sign(self, publication: Publication) -> int:
        """Sign an image's index and manifests; return the bytes that took. What the key has signed stays as it is."""
        moved = 0
        for digest in publication.image.signed:
            tag = signature_tag(digest)
            try:
                is_new = self.registry.manifest_digest(publication.repository, tag) is None
                existing = None if is_new else json.loads(self.oras.fetch_manifest(f"{publication.reference}:{tag}"))
                signed = build_signature(self.key, name=publication.reference, digest=digest, existing=existing)
                if signed is not None:
                    with tempfile.TemporaryDirectory(prefix="booksync-sign-") as folder:
                        own = write_signature_layout(signed, Path(folder))
                        self.oras.copy_tagged(layout=Path(folder), digest=own, target=f"{publication.reference}:{tag}")
                    moved += sum(map(len, signed.blobs.values())) + len(signed.manifest)
            except (OrasError, NoAnswerError) as error:
                raise self._explained(OrasError(str(error)), publication, arrived=moved) from error
        self.progress.line(f"{publication.reference}: {'signed' if moved else 'signed already'}")
        return moved

    def tag(self, publication: Publication) -> int:
        """Set the tags that do not stand yet; return the bytes that took: a tag is set by sending the index again."""
        missing = [tag for tag in publication.tags if not self._stands(publication, tag)]
        if missing:
            try:
                self.oras.tag(repository=publication.reference, digest=publication.image.digest, tags=missing)
            except OrasError as error:
                raise self._explained(error, publication, arrived=0) from error
        words = [f"{tag}" if tag in missing else f"{tag} (stood already)" for tag in publication.tags]
        self.progress.line(f"{publication.reference}: tagged {', '.join(words)}")
        return len(missing) * publication.image.index.size

    def _stands(self, publication: Publication, tag: str) -> bool:
        try:
            return self.registry.manifest_digest(publication.repository, tag) == publication.image.digest
        except NoAnswerError:
            return False

    def _line(self, what: str, blob: Blob, *, note: str = "") -> None:
        short = f"{what:<8} sha256:{short_digest(blob)}  {format_bytes(blob.size):>9}  {blob.label}"
        self.progress.line(f"  {short}{f', {note}' if note else ''}")

    def _explained(self, error: OrasError, publication: Publication, *, arrived: int) -> AppError:
        circumstances = Circumstances(
            registry=self.registry.host,
            subject=f"{publication.image.name} (to {publication.repository})",
            credentials=self.credentials.describe(self.registry.host),
            arrived=format_bytes(arrived),
        )
        return explain(str(error), circumstances=circumstances)


def short_digest(blob: Blob) -> str:
    """Return as much of a digest as oras prints."""
    return blob.digest.removeprefix("sha256:")[:SHORT_DIGEST_LENGTH]
