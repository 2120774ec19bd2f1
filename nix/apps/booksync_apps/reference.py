"""Where images are pushed to, in the words of the distribution specification and of Docker's references."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from booksync_apps.errors import UsageError
from booksync_apps.layout import Image

#: github.com/distribution/reference: domain, path component, tag
DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")

#: Images that are pushed beside another one, into its repository: the ending of their name becomes the ending of
#: their tags, so that `booksync-api-prediction-onnx` 1.0.0 is `booksync-api-prediction:1.0.0-onnx`.
VARIANTS = ("onnx",)

EXAMPLE = "expected REGISTRY/NAMESPACE, such as registry.example.org/family or localhost:5000/booksync"


@dataclass(frozen=True)
class Target:
    """A registry, and the namespace in it that holds one repository an image."""

    registry: str
    namespace: str

    @property
    def is_local(self) -> bool:
        """Whether the registry is on this machine."""
        return is_local(self.registry)

    def repository(self, name: str) -> str:
        """Return an image's repository without the registry: `family/booksync-api-auth`."""
        return f"{self.namespace}/{name}"

    def reference(self, name: str) -> str:
        """Return an image's repository with the registry."""
        return f"{self.registry}/{self.repository(name)}"


@dataclass(frozen=True)
class Reference:
    """One image of a registry.

    :param repository: without the registry
    :param tag, digest: one of them is empty
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return self.with_suffix(self.suffix)

    @property
    def suffix(self) -> str:
        """The tag or the digest."""
        return self.tag or self.digest

    def with_suffix(self, suffix: str) -> str:
        """Return a reference to something else of the repository, by its digest or tag."""
        return f"{self.registry}/{self.repository}{'@' if ':' in suffix else ':'}{suffix}"


def is_local(host: str) -> bool:
    """Tell whether HOST or HOST:PORT is on this machine."""
    name = re.sub(r":[0-9]+$", "", host)
    return name in ("localhost", "[::1]") or re.fullmatch(r"127(\.[0-9]+){3}", name) is not None


def parse_reference(text: str) -> Reference:
    """Take `REGISTRY/NAMESPACE/NAME:TAG` apart; the tag is latest where there is neither tag nor digest.

    :raises UsageError: it is written in another way
    """
    path, at, digest = text.partition("@")
    # nothing after the sign is a variable that was empty
    if at and not DIGEST.fullmatch(digest):
        raise UsageError(f"{text!r}: {digest!r} is not a digest", way_out="expected sha256: and 64 hex digits")
    head, slash, last = path.rpartition("/")
    name, colon, tag = last.partition(":")
    target = parse_target(f"{head}{slash}{name}" if slash else path)
    if colon:
        check_tag(tag)
    return Reference(
        registry=target.registry,
        repository=target.namespace,
        tag="" if digest else tag or "latest",
        digest=digest,
    )


def parse_target(text: str) -> Target:
    """Take `REGISTRY/NAMESPACE` apart.

    :raises UsageError: it is written in another way; the message says what is wrong with it
    """
    if "://" in text:
        raise UsageError(f"{text!r}: a reference has no {text.partition('://')[0]}://", way_out=EXAMPLE)
    registry, _, namespace = text.partition("/")
    if not namespace.strip("/"):
        raise UsageError(f"{text!r}: the namespace is missing", way_out=EXAMPLE)
    if not (set(".:") & set(registry) or registry == "localhost"):
        raise UsageError(f"{text!r}: {registry!r} is not the host of a registry (no dot, no port)", way_out=EXAMPLE)
    if not DOMAIN.fullmatch(registry):
        raise UsageError(f"{text!r}: {registry!r} is not HOST or HOST:PORT", way_out=EXAMPLE)
    for component in namespace.split("/"):
        if "@" in component or ":" in component:
            raise UsageError(f"{text!r}: a tag or digest does not belong here", way_out=f"{EXAMPLE}; tags: --tag TAG")
        if not COMPONENT.fullmatch(component):
            raise UsageError(
                f"{text!r}: {component!r} is not a part of a namespace (lower-case letters, digits, and . _ - between)",
                way_out=EXAMPLE,
            )
    return Target(registry=registry, namespace=namespace)


def split_variant(name: str) -> tuple[str, str]:
    """Return the repository's name, and the ending of the tags, of an image.

    `booksync-api-auth` -> (`booksync-api-auth`, ``)
    `booksync-api-prediction-onnx` -> (`booksync-api-prediction`, `-onnx`)
    """
    for variant in VARIANTS:
        if name.endswith(f"-{variant}"):
            return name.removesuffix(f"-{variant}"), f"-{variant}"
    return name, ""


def check_tag(tag: str) -> str:
    """Return a tag as it is.

    :raises UsageError: a registry would refuse it
    """
    if not TAG.fullmatch(tag):
        raise UsageError(
            f"{tag!r} is not a tag", way_out="expected up to 128 letters, digits, and . _ - after the first"
        )
    return tag


def choose_image(images: Mapping[str, Image], reference: Reference) -> Image:
    """Return the image that a reference should lead to: by the name of its repository, and the ending of its tag.

    A digest has no ending; there it is the image of that digest, else the one without a variant.

    :raises UsageError: there is no image of that name, or not of that ending
    """
    name = reference.repository.rpartition("/")[2]
    found = {split_variant(image.name)[1]: image for image in images.values() if split_variant(image.name)[0] == name}
    if not found:
        raise UsageError(f"{reference}: there is no image {name!r}", way_out=f"known: {', '.join(sorted(images))}")
    if reference.digest:
        named = (image for image in found.values() if reference.digest in image.blobs)
        return next(named, found[min(found, key=len)])
    ending = split_variant(reference.tag)[1]
    if ending not in found:
        raise UsageError(
            f"{reference}: its tag is that of an image {name + ending!r}, which was not built here",
            way_out=f"known: {', '.join(sorted(images))}; nix run .#verify builds all",
        )
    return found[ending]
