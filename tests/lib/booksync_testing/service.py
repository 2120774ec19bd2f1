"""Run a service's tests where the service will run: on its image's own CPython and wheels, against the database image.

The image's root stays as it is. Beside it the tests, the repository's pytest configuration and pytest itself are
shown below /tmp; the service under test is the one in the image, not the one in the checkout.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from booksync_testing.layout import Layout
from booksync_testing.postgres import start_postgres
from booksync_testing.rootfs import write_root
from booksync_testing.sandbox import Bind, Result, Sandbox, Tools, builder_architecture, load_tools

REPOSITORY = "/tmp/repository"  # noqa: S108 - inside the sandbox
WHEELS = "/tmp/wheels"  # noqa: S108
SOCKETS = "/tmp/sockets"  # noqa: S108

TEST_MINUTES = 30

#: Variables that tests are told something by.
PASSED_ON = ("BOOKSYNC_EXAMPLES",)


def unpack(tools: Tools, *, images: Path, name: str, architecture: str, directory: Path) -> Sandbox:
    """Unpack an image below a directory and return the means to run it."""
    image = Layout(images / name).image(architecture)
    root = directory / f"{name}-{architecture}"
    if not root.exists():
        write_root(image, root)
    return Sandbox(tools=tools, image=image, root=root)


def run_service_tests(
    service: str,
    *,
    tools: Tools,
    images: Path,
    name: str,
    repository: Path,
    wheels: Path,
    architecture: str,
    directory: Path,
    arguments: Sequence[str] = (),
) -> Result:
    """Run services/SERVICE/tests and services/common/tests.

    :param images: layouts by name, of the service and the database.
    :param name: the service's image.
    :param repository: has pyproject.toml and services/.
    :param wheels: site-packages with pytest.
    :param directory: for the unpacked images.
    :param arguments: more for pytest.
    """
    database, api = (
        unpack(tools, images=images, name=image, architecture=architecture, directory=directory)
        for image in ("booksync-postgres", name)
    )
    tests = [f"services/{name}/tests" for name in ("common", service)]
    shown = ["pyproject.toml", *tests]
    with start_postgres(database, environment={"POSTGRES_HOST_AUTH_METHOD": "trust"}) as server:
        return api.run(
            *("/usr/local/bin/python3.12", "-m", "pytest", "-p", "no:cacheprovider", *tests, *arguments),
            entrypoint=False,
            environment={
                **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
                # what an image has to have is no reason to skip a test
                "BOOKSYNC_ON_IMAGE": name,
                "PYTHONPATH": WHEELS,
                "PYTHONDONTWRITEBYTECODE": "1",
                "TEST_DATABASE_URL": server.socket_url(SOCKETS),
            },
            binds=[
                *(Bind((repository / name).resolve(), f"{REPOSITORY}/{name}") for name in shown),
                Bind(wheels, WHEELS),
                Bind(server.sockets, SOCKETS),
            ],
            directory=REPOSITORY,
            timeout=TEST_MINUTES * 60,
        )


def main() -> int:
    """Run from the command line: what the check does, for the daily loop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("service")
    parser.add_argument("--images", type=Path, default=os.environ.get("BOOKSYNC_IMAGES", "result"))
    parser.add_argument("--image", help="default: booksync-api-SERVICE")
    parser.add_argument("--wheels", type=Path, default=os.environ.get("BOOKSYNC_TEST_WHEELS"))
    parser.add_argument("--repository", type=Path, default=Path.cwd())
    parser.add_argument("--architecture", default=builder_architecture())
    parser.add_argument("arguments", nargs="*", help="of pytest, after --")
    options = parser.parse_args()
    if options.wheels is None:
        parser.error("--wheels or BOOKSYNC_TEST_WHEELS: a site-packages directory with pytest")
    directory = Path(tempfile.mkdtemp(prefix="roots-"))
    try:
        result = run_service_tests(
            options.service,
            tools=load_tools(),
            images=Path(options.images),
            name=options.image or f"booksync-api-{options.service}",
            repository=options.repository,
            wheels=Path(options.wheels),
            architecture=options.architecture,
            directory=directory,
            arguments=options.arguments,
        )
    finally:
        shutil.rmtree(directory)
    sys.stdout.write(result.output)
    return result.code


if __name__ == "__main__":
    raise SystemExit(main())
