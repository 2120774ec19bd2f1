"""One architecture's image, as the flake builds it: `image.json` and the blobs that it names."""

import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Image:
    """What running an image takes.

    :param digest: of its manifest
    :param layers: blobs, lowest first
    :param user: uid and gid, as digits
    :param command: entry point and its arguments
    :param environment: variables
    :param directory: where it starts
    :param stop_signal: what ends it in order
    """

    digest: str
    layers: Sequence[Path]
    user: tuple[str, str]
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: str
    stop_signal: signal.Signals


def load_image(folder: Path) -> Image:
    """Read the image that an app's wrapper names."""
    summary = json.loads((folder / "image.json").read_text())

    def blob(descriptor: Mapping[str, str]) -> Path:
        return folder / "blobs/sha256" / descriptor["digest"].removeprefix("sha256:")

    config = json.loads(blob(summary["config"]).read_text())["config"]
    uid, gid = config["User"].split(":")
    return Image(
        digest=summary["manifest"]["digest"],
        layers=[blob(layer) for layer in summary["layers"]],
        user=(uid, gid),
        command=[*config["Entrypoint"], *config["Cmd"]],
        environment=dict(entry.split("=", 1) for entry in config["Env"]),
        directory=config["WorkingDir"],
        stop_signal=signal.Signals[config["StopSignal"]],
    )
