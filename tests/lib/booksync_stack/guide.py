"""The guide's own lines, as they stand there: sections 3, 4 and 5.3.

Two images have other names here than in the guide, and get its names by `docker tag`: the Prediction API is the slim
one, and the database is ours.
"""

import re
from collections.abc import Iterator
from pathlib import Path

#: The guide as it was written anew for these images.
GUIDE = Path("docs/guide.fr.md")

TAGS = {
    "booksync-api-prediction:latest-onnx": "booksync-api-prediction:latest",
    "booksync-postgres:latest": "pgvector/pgvector:pg17",
}

NETWORK = "docker network create booksync-network"

POSTGRES = """\
docker run -d \\
  --name booksync-postgres \\
  --network booksync-network \\
  -p 5432:5432 \\
  -e POSTGRES_USER=booksync \\
  -e POSTGRES_PASSWORD=password \\
  -e POSTGRES_DB=booksync \\
  -v booksync_pgdata:/var/lib/postgresql/data \\
  pgvector/pgvector:pg17
"""

EXTENSION = """\
docker exec -it booksync-postgres psql -U booksync -d booksync -c "CREATE EXTENSION IF NOT EXISTS vector;"
"""

AUTH = """\
docker run -d \\
  --name booksync_auth_api \\
  --network booksync-network \\
  -p 8000:8000 \\
  -e DATABASE_URL="postgresql+asyncpg://booksync_auth:auth_password@booksync-postgres:5432/booksync" \\
  -e JWT_SECRET_KEY="your-secret-key" \\
  -e MANGACOLLEC_CLIENT_ID="your-client-id" \\
  -e MANGACOLLEC_CLIENT_SECRET="your-client-secret" \\
  booksync-api-auth:latest
"""

DATA = """\
docker run -d \\
  --name booksync-api-data \\
  --network booksync-network \\
  -p 8001:8001 \\
  -e DATABASE_URL="postgresql+asyncpg://booksync_data:data_password@booksync-postgres:5432/booksync" \\
  booksync-api-data:latest
"""

PREDICTION = """\
docker run -d \\
  --name booksync-api-prediction \\
  --network booksync-network \\
  -p 8002:8002 \\
  -e DATABASE_URL="postgresql+asyncpg://booksync_prediction:prediction_password@booksync-postgres:5432/booksync" \\
  -e EMBEDDING_MODEL="all-MiniLM-L6-v2" \\
  -e VECTOR_DIMENSION=384 \\
  booksync-api-prediction:latest
"""

STOP = 'docker stop $(docker ps -q --filter "name=booksync")'
REMOVE = 'docker rm $(docker ps -aq --filter "name=booksync")'
BACK_UP = "docker exec booksync-postgres pg_dump -U booksync booksync > backup_$(date +%Y%m%d).sql"


def at_a_terminal(line: str) -> str:
    """Run a line as a person does, who has a terminal: `docker exec -it` insists on one."""
    quoted = line.strip().replace("'", "'\\''")
    return f"script -q -e -c '{quoted}' /dev/null"


#: Lines that ask, or change nothing that others need: run one after the other while everything runs.
ASKING = re.compile(r"docker (ps|logs|images|inspect|stats|exec|network (ls|inspect)|volume (ls|inspect))\b|curl ")

#: What else the guide has, by its beginning, and where that is run or why it is not.
ELSEWHERE = {
    "./bootstrap build": "CI",
    "nix build .#": "CI",
    "nix run .#load": "apps-load, and what fills this machine",
    "nix run .#push": "registry-push-pull",
    "REGISTRY=": "deploy-scripts",
    "docker buildx imagetools": "of a registry: nothing gets out of this machine",
    "docker image prune": "takes away what the next scenario loads",
    "docker restart": "below, where it is waited for",
    "docker network connect": "they are in that network",
    "docker volume create": "what docker run -v does",
    "docker volume rm": "at the end of this one, with the network",
    "docker volume prune": "what docker volume rm does",
    "docker-compose": "deploy-compose, and the scenarios of deploy/, by deploy.sh",
    "./scripts/": "the scenarios of deploy/",
    "cd deploy && docker-compose": "deploy-compose",
    "cd /srv/booksync": "the scenarios of deploy/",
    "cat backup_": "below, into an empty database",
}


def list_lines() -> Iterator[str]:
    """Yield the commands of the guide, without comments, in one line each."""
    for block in re.findall(r"^```bash\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", "").splitlines():
            command = re.sub(r"\s+#.*$", "", line).strip()
            if command and not command.startswith("#"):
                yield " ".join(command.split())


def as_a_person(line: str) -> str:
    """Return a line as this machine can run it to its end."""
    if " -it " in line:
        return f"echo exit | {at_a_terminal(line)}"
    return f"timeout 5 {line}; test $? = 124" if " logs -f " in line else line
