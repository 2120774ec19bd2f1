"""`nix run .#load` gives a container engine the host's image, whole, under the names of the guide, or says why not.

No engine runs where these tests do: a stand-in with the command line of docker and podman keeps what it is given, and
skopeo, which shares podman's reader, says what is in it.
"""

import io
import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from booksync_apps import engine as engines
from booksync_apps import load
from booksync_apps.errors import AppError
from booksync_testing.programs import SHEBANG, UTILITY, write_program
from registry_app import Outcome
from registry_layouts import TinyImages

AUTH, DATA = "booksync-api-auth", "booksync-api-data"

#: Keeps archives in its folder, the ids of images in a file a name, and their configs; is as the file `order` says.
ENGINE = """\
export PATH=/usr/bin:/bin
cd {state} || exit 1
order=$({run} cat order)
[ "$order" != "silent $1" ] || exec {run} sleep 60
[ "$order" != "silent after load" ] || [ ! -e archive-0.tar ] || exec {run} sleep 60
case "$1" in
version | info)
  if [ "$order" = away ]; then
    printf 'one\\nCannot connect to the daemon. Is it running?\\n' >&2
    exit 1
  fi
  {run} cat architecture
  ;;
image) # inspect --format '{{{{json .}}}}' NAME
  [ -e "$5" ] || exit 1
  id=$({run} cat "$5")
  shown={prefix}$id
  [ "$order" != containerd ] || shown=sha256:of-a-manifest
  if [ -e "$id.json" ]; then
    {run} sed '{describe}' "$id.json"
  else
    echo '}}'
  fi | {run} sed "s/^/{{\\"Id\\":\\"$shown\\"/"
  ;;
load)
  if [ "$order" = full ]; then
    {run} head -c 1000 > part
    printf 'open /var/lib/x\\nwrite: no space left on device\\n' >&2
    exit 1
  fi
  count=$({run} ls | {run} grep -c archive-)
  {run} cat > "archive-$count.tar"
  {run} tar -xf "archive-$count.tar" manifest.json
  id=$({run} sed 's/.*"Config": "\\([0-9a-f]*\\).json".*/\\1/' manifest.json)
  {run} tar -xf "archive-$count.tar" "$id.json"
  {run} chmod u+w "$id.json"
  for name in $({run} sed 's/.*"RepoTags": \\[\\([^]]*\\)\\].*/\\1/; s/[",]/ /g' manifest.json); do
    [ "$order" = forgetful ] || printf %s "$id" > "$name"
  done
  ;;
esac
"""

#: A config as `inspect` has it.
DESCRIBE = r's/.*"config":\({.*}\),"os".*"diff_ids":\(\[[^]]*\]\).*/,"Config":\1,"RootFS":{"Layers":\2}}/'


@dataclass
class FakeEngine:
    """A stand-in for docker or podman."""

    state: Path

    @property
    def archives(self) -> list[Path]:
        """What it was given, in order."""
        return sorted(self.state.glob("archive-*"))


@dataclass
class Loader:
    """Runs the app in this process."""

    environment: dict[str, str]
    home: Path

    def __call__(self, *arguments: str) -> Outcome:
        output, errors = io.StringIO(), io.StringIO()
        code = 0
        try:
            load.load(arguments, environment=self.environment, output=output, errors=errors)
        except AppError as error:
            errors.write(f"load: {error}\n")
            code = error.exit_code
        return Outcome(code=code, output=output.getvalue(), errors=errors.getvalue())

    def install(self, name: str, *, architecture: str = "amd64") -> FakeEngine:
        """Put an engine on the path."""
        state = self.home / f"{name}-state"
        state.mkdir()
        (state / "architecture").write_text(architecture)
        (state / "order").touch()
        program = self.home / "bin" / name
        program.parent.mkdir(exist_ok=True)
        prefix = "sha256:" if name == "docker" else ""
        write_program(program, SHEBANG + ENGINE.format(run=UTILITY, state=state, prefix=prefix, describe=DESCRIBE))
        return FakeEngine(state)


@pytest.fixture
def loader(tmp_path: Path, images: TinyImages) -> Loader:
    home = tmp_path / "home"
    home.mkdir()
    environment = {"BOOKSYNC_IMAGES": str(images.directory), "PATH": str(home / "bin")}
    return Loader(environment, home)


def test_docker_gets_every_image_under_the_guides_names(loader: Loader) -> None:
    engine = loader.install("docker")
    done = loader()
    assert done.code == 0, done.errors
    assert done.output.splitlines() == [f"{name}:{tag}" for name in (AUTH, DATA) for tag in ("latest", "1.0.0")]
    assert len(engine.archives) == 2
    assert "into docker" in done.errors


def test_named_images_go_to_the_named_engine(loader: Loader) -> None:
    docker, podman = loader.install("docker"), loader.install("podman")
    done = loader("podman", "data")
    assert done.output.splitlines() == [f"{DATA}:latest", f"{DATA}:1.0.0"]
    assert (len(docker.archives), len(podman.archives)) == (0, 1)


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_the_architecture_is_that_of_the_engine(loader: Loader, images: TinyImages, architecture: str) -> None:
    engine = loader.install("docker", architecture=architecture)
    assert loader("auth").code == 0
    config = images.digests[AUTH]["architectures"][architecture]["config"]["digest"]
    assert (engine.state / f"{AUTH}:latest").read_text() == config.removeprefix("sha256:")


def test_the_archive_has_the_layers_as_they_are(loader: Loader, images: TinyImages) -> None:
    engine = loader.install("docker")
    loader("auth")
    expected = images.digests[AUTH]["architectures"]["amd64"]
    with tarfile.open(engine.archives[0]) as archive:
        names = archive.getnames()
        file = archive.extractfile("manifest.json")
        assert file is not None
        (description,) = json.load(file)
        assert description["RepoTags"] == [f"{AUTH}:latest", f"{AUTH}:1.0.0"]
        assert set(names) == {"manifest.json", description["Config"], *description["Layers"]}
        assert [name.removesuffix(".tar.gz") for name in description["Layers"]] == [
            layer["digest"].removeprefix("sha256:") for layer in expected["layers"]
        ]
        for name in names[1:]:
            blob = images.directory / AUTH / "blobs/sha256" / name.partition(".")[0]
            content = archive.extractfile(name)
            assert content is not None
            assert content.read() == blob.read_bytes()


@pytest.mark.parametrize("tag", ["latest", "1.0.0"])
def test_another_reader_finds_the_image(loader: Loader, images: TinyImages, skopeo: list[str], tag: str) -> None:
    engine = loader.install("podman")
    loader("auth")
    source = f"docker-archive:{engine.archives[0]}:{AUTH}:{tag}"
    shown = subprocess.run(
        [*skopeo, "inspect", "--raw", source], capture_output=True, text=True, check=False, cwd=loader.home
    )
    assert shown.returncode == 0, shown.stderr
    manifest = json.loads(shown.stdout)
    expected = images.digests[AUTH]["architectures"]["amd64"]
    assert manifest["config"]["digest"] == expected["config"]["digest"]
    # docker's archives are read as uncompressed layers
    assert [layer["digest"] for layer in manifest["layers"]] == [layer["diffID"] for layer in expected["layers"]]


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_what_the_engine_has_is_not_loaded_again(loader: Loader, name: str) -> None:
    engine = loader.install(name)
    first = loader("auth")
    again = loader("auth")
    assert again.output == first.output
    assert "has it already" in again.errors
    assert len(engine.archives) == 1
    (engine.state / f"{AUTH}:latest").write_text("an older image")
    loader("auth")
    assert len(engine.archives) == 2


@pytest.mark.parametrize(
    ("known", "changed"), [("amd64", "amd64"), ('"title":"booksync', '"title":"another'), ('["sha256:', '["sha256:0')]
)
def test_an_engine_whose_ids_are_its_own_is_asked_what_is_in_its_images(
    loader: Loader, images: TinyImages, known: str, changed: str
) -> None:
    engine = loader.install("docker")
    (engine.state / "order").write_text("containerd")
    loader("auth")
    config = images.digests[AUTH]["architectures"]["amd64"]["config"]["digest"].removeprefix("sha256:")
    kept = engine.state / f"{config}.json"
    text = kept.read_text()
    assert known in text
    kept.write_text(text.replace(known, changed))
    again = loader("auth")
    assert again.code == 0, again.errors
    assert ("has it already" in again.errors, len(engine.archives)) == ((True, 1) if known == changed else (False, 2))


def test_no_engine_is_one_line_that_says_why(loader: Loader) -> None:
    done = loader()
    assert done.code == 1
    way_out = "\n  install or start one; docker is for root and its group\n"
    assert done.errors == (
        f"load: no container engine can be used (docker is not installed; podman is not installed){way_out}"
    )
    engine = loader.install("docker")
    (engine.state / "order").write_text("away")
    done = loader()
    assert done.errors == (
        "load: no container engine can be used "
        f"(docker: Cannot connect to the daemon. Is it running?; podman is not installed){way_out}"
    )
    assert done.output == ""


def test_an_engine_that_does_not_run_is_passed_over_unless_it_was_asked_for(loader: Loader) -> None:
    docker, podman = loader.install("docker"), loader.install("podman")
    (docker.state / "order").write_text("away")
    assert loader("auth").code == 0
    assert len(podman.archives) == 1
    assert loader("docker", "auth").code == 1


def test_a_full_disk_is_said_in_the_engines_words(loader: Loader) -> None:
    engine = loader.install("docker")
    (engine.state / "order").write_text("full")
    done = loader("auth")
    assert done.code == 1
    assert "docker load: write: no space left on device" in done.errors
    assert done.output == ""
    (engine.state / "order").write_text("")
    assert loader("auth").code == 0


def test_an_engine_that_keeps_nothing_is_found_out(loader: Loader) -> None:
    engine = loader.install("docker")
    (engine.state / "order").write_text("forgetful")
    done = loader("auth")
    assert done.code == 1
    assert f"there is no image {AUTH}:latest" in done.errors


@pytest.mark.parametrize(("order", "loaded"), [("silent image", 0), ("silent after load", 1)])
def test_an_engine_that_does_not_answer_is_not_said_to_have_no_image(
    loader: Loader, monkeypatch: pytest.MonkeyPatch, order: str, loaded: int
) -> None:
    monkeypatch.setattr(engines, "ANSWER_LIMIT_S", 5)
    engine = loader.install("docker")
    (engine.state / "order").write_text(order)
    done = loader("auth")
    assert done.code == 1
    assert "load: docker image inspect: no answer within 5 s\n" in done.errors
    assert "there is no image" not in done.errors
    assert (done.output, len(engine.archives)) == ("", loaded)


def test_an_engine_that_does_not_say_what_it_runs_is_passed_over(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "ANSWER_LIMIT_S", 5)
    docker = loader.install("docker")
    (docker.state / "order").write_text("silent version")
    done = loader("docker", "auth")
    assert done.code == 1
    assert "can be used (docker version: no answer within 5 s)" in done.errors
    podman = loader.install("podman")
    assert loader("auth").code == 0
    assert len(podman.archives) == 1


def test_an_architecture_without_an_image_is_named(loader: Loader) -> None:
    loader.install("docker", architecture="riscv64")
    done = loader("auth")
    assert done.code == 1
    assert "expected an image for riscv64, as the engine runs, got amd64, arm64" in done.errors


def test_variants_get_their_ending(loader: Loader, images: TinyImages) -> None:
    images.add("booksync-api-prediction-onnx", layers={"base": 1000})
    loader.install("docker")
    done = loader("prediction-onnx")
    assert done.output.splitlines() == ["booksync-api-prediction:latest-onnx", "booksync-api-prediction:1.0.0-onnx"]


def test_an_unknown_image_is_wrong_usage(loader: Loader) -> None:
    loader.install("docker")
    done = loader("nothing")
    assert done.code == 2
    assert "there is no image 'nothing'" in done.errors
