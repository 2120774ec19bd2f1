"""A picture of what runs, and of the layers that it is made of, as SVG: drawn from what the images are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from booksync_build.attributes import load_attributes, output_path

# px
WIDTH = 960
MARGIN = 24
ROW = 26
GAP = 16
BOX_HEIGHT = 84
LANE = 56

STYLE = """
  svg { font: 13px system-ui, sans-serif; background: #ffffff; color: #1d2430 }
  rect { fill: #f1f4f9; stroke: #8a96a8 }
  rect.store { fill: #e4ecf8 }
  rect.shared { fill: #dcefe2 }
  text { fill: currentColor }
  .name { font-weight: 600 }
  .fine { font-size: 11px; fill: #566073 }
  path { stroke: #566073; fill: none; marker-end: url(#arrow) }
  marker path { fill: #566073; stroke: none }
  @media (prefers-color-scheme: dark) {
    svg { background: #14181f; color: #e7ebf2 }
    rect { fill: #212835; stroke: #5c687b }
    rect.store { fill: #1f3049 }
    rect.shared { fill: #1f3a2b }
    .fine { fill: #a5b0c2 }
    path { stroke: #a5b0c2 }
    marker path { fill: #a5b0c2 }
  }
"""


@dataclass(frozen=True)
class Image:
    """What the picture says of an image."""

    name: str
    title: str
    port: int
    user: str
    layers: Sequence[str]


def parse_image(name: str, image: Mapping[str, Any]) -> Image:
    """Read an image's configuration."""
    port, _, _ = next(iter(image["config"]["ExposedPorts"])).partition("/")
    return Image(name, image["title"], int(port), image["config"]["User"], image["layers"])


def _text(x: float, y: float, words: str, *, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _box(x: float, y: float, width: float, height: float, *, kind: str = "") -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" class="{kind}"/>'


def _draw_node(image: Image, x: float, y: float, width: float, *, kind: str = "") -> Iterator[str]:
    middle = x + width / 2
    yield _box(x, y, width, BOX_HEIGHT, kind=kind)
    yield _text(middle, y + 26, image.title, kind="name", anchor="middle")
    yield _text(middle, y + 46, image.name, anchor="middle")
    yield _text(middle, y + 66, f"port {image.port}, user {image.user}", kind="fine", anchor="middle")


def draw_running(services: Sequence[Image], database: Image) -> Iterator[str]:
    """Draw the services over their database; the first of them is who the others ask about tokens."""
    width = (WIDTH - 2 * MARGIN - GAP * (len(services) - 1)) / len(services)
    top = MARGIN + LANE
    below = top + BOX_HEIGHT + LANE
    yield _text(WIDTH / 2, MARGIN + 10, "apps and browsers at home", anchor="middle")
    # the only one that talks to the outside of the house with somebody's account
    yield _text(MARGIN, MARGIN + 10, "Mangacollec")
    yield f'<path d="M{MARGIN + 38} {top} V{MARGIN + 20}"/>'
    for number, service in enumerate(services):
        x = MARGIN + number * (width + GAP)
        middle = x + width / 2
        yield from _draw_node(service, x, top, width)
        yield f'<path d="M{middle:g} {MARGIN + 22} V{top - 4}"/>'
        yield f'<path d="M{middle:g} {top + BOX_HEIGHT} V{below - 4}"/>'
        yield _text(middle + 8, below - LANE / 2 + 4, f"schema {service.name.rpartition('-')[2]}", kind="fine")
        if number:
            start = middle - 30 * number
            yield _text(start - 8, top - 12 * number - 4, "whose is this token?", kind="fine", anchor="end")
            yield f'<path d="M{start:g} {top} V{top - 12 * number} H{MARGIN + width - 30 * number:g} V{top - 4}"/>'
    yield from _draw_node(database, MARGIN, below, WIDTH - 2 * MARGIN, kind="store")


def draw_layers(images: Sequence[Image], top: float) -> Iterator[str]:
    """Draw each image's layers, the lowest first; those that several have are of another colour."""
    width = (WIDTH - 2 * MARGIN - GAP * (len(images) - 1)) / len(images)
    tallest = max(len(image.layers) for image in images)
    yield _text(MARGIN, top, "Layers, of which the green ones are one blob in several images", kind="name")
    for number, image in enumerate(images):
        x = MARGIN + number * (width + GAP)
        for level, layer in enumerate(image.layers):
            others = (other for other in images if other is not image)
            kind = "shared" if any(layer in other.layers for other in others) else ""
            y = top + GAP + (tallest - 1 - level) * ROW
            yield _box(x, y, width, ROW - 4, kind=kind)
            yield _text(x + width / 2, y + 15, layer, kind="fine", anchor="middle")
        yield _text(x + width / 2, top + GAP + tallest * ROW + 10, image.name, kind="fine", anchor="middle")


def draw(images: Sequence[Image], *, running: Sequence[str], database: str) -> str:
    """Return the picture.

    :param running: the services' images, of which the first knows the tokens.
    :param database: the image that all of them use.
    """
    by_name = {image.name: image for image in images}
    layers_top = MARGIN + 2 * LANE + 2 * BOX_HEIGHT + 3 * MARGIN
    height = layers_top + GAP + max(len(image.layers) for image in images) * ROW + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>BookSync: three services, their database, and the layers of their images</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z"/></marker></defs>',
        *draw_running([by_name[name] for name in running], by_name[database]),
        *draw_layers(images, layers_top),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    attributes = load_attributes()
    images = [parse_image(name, image) for name, image in sorted(attributes["images"].items())]
    picture = draw(images, running=attributes["running"], database=attributes["database"])
    output_path(attributes).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
