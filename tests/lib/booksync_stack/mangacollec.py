"""A Mangacollec in the stack's own network, with one account and one collection."""

import json
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import booksync_auth_testing.mangacollec as fake
from booksync_vm.machine import Machine

CONTAINER = "mangacollec"
ADDRESS = f"http://{CONTAINER}:8080"
FOLDER = "/srv/mangacollec"
SITE = Path(__file__).parents[2] / "stack/site/site.py"

EMAIL, PASSWORD = "claire@example.org", "claire's at mangacollec"


@dataclass
class Collection:
    """Flat arrays joined by ids, as the site writes them."""

    document: dict[str, list[dict[str, object]]] = field(
        default_factory=lambda: {
            name: []
            for name in ("editions", "series", "types", "kinds", "volumes", "possessions", "reads", "read_editions")
        }
    )

    def add_series(self, title: str, kind: str, *, volumes: int, read: int) -> list[str]:
        """Add a series that is owned, its first volumes read, and return the ids of its volumes."""
        series, edition, kind_id = (str(uuid.uuid4()) for _ in range(3))
        self.document["kinds"].append({"id": kind_id, "title": kind})
        self.document["series"].append(
            {"id": series, "title": title, "type_id": None, "adult_content": False, "kinds_ids": [kind_id]}
        )
        self.document["editions"].append({"id": edition, "title": None, "series_id": series})
        ids = [str(uuid.uuid4()) for _ in range(volumes)]
        for number, volume in enumerate(ids, 1):
            text = f"<p>{title}, le r&eacute;sum&eacute; du tome {number}</p>"
            self.document["volumes"].append(
                {"id": volume, "title": None, "number": number, "edition_id": edition, "isbn": " 978", "content": text}
            )
            times = {"volume_id": volume, "created_at": f"2026-01-{number:02}T00:00:00.000Z"}
            self.document["possessions"].append({"id": str(uuid.uuid4()), **times})
            if number <= read:
                self.document["reads"].append({"id": str(uuid.uuid4()), **times})
        return ids


def start_site(machine: Machine, collection: Collection) -> None:
    """Run the site in the network of the stack, which must be there."""
    account = {"email": EMAIL, "password": PASSWORD}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {
            "site.py": SITE.read_text(),
            "booksync_auth_testing/mangacollec.py": Path(fake.__file__).read_text(),
            "collection.json": json.dumps(collection.document),
            "account.json": json.dumps(account),
        }.items():
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            path.chmod(0o644)
        machine.copy_from_host(folder, FOLDER)
    # of an earlier run, on a disk that was kept
    machine.execute(f"docker rm --force {CONTAINER}")
    machine.succeed(
        f"docker run -d --name {CONTAINER} --network booksync-network --volume {FOLDER}:/site:ro"
        " --entrypoint /usr/local/bin/python3.12 booksync-api-auth:latest"
        " /site/site.py /site/collection.json /site/account.json"
    )
    machine.wait_until_succeeds(f"docker exec booksync_auth_api bash -c '</dev/tcp/{CONTAINER}/8080'", timeout=300)
