"""Encode on a GPU beside the CPU, and write bench/gpu.md: `python3 -m bench.gpu --models DIR [--without PATTERN]...`.

DIR is the folder usr/local/share/booksync/models of an image. The interpreter has torch with CUDA, and the services'
sources and what they need on its path. `--without` takes libraries away from its site-packages for the time of the run,
as an image leaves them out: shell patterns relative to site-packages. With TEST_DATABASE_URL, as for the tests, the
service is started on the GPU too, and asked.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "services/common/tests/lib")]

from bench.report import FOLDER, describe_machine  # noqa: E402 - as the next

from booksync_testing.texts import COUNT, make_texts  # noqa: E402 - it is no installed package

MODEL = "all-MiniLM-L6-v2"
BATCH_SIZE = 64
ROUNDS = 3
SECRET = "of-32-bytes-or-more-for-measuring-alone"  # noqa: S105 - of a service that lives for seconds
TABLE = (("device", "ready, s", "texts/s", "lowest cosine to the CPU's", "GPU memory, MB"), ("---",) * 5)


@contextmanager
def take_away(patterns: Sequence[str]) -> Iterator[list[tuple[str, int]]]:
    """Rename libraries for the time of the block; yield their names and bytes.

    :raises SystemExit: a pattern names nothing: what was to be shown is not.
    """
    import torch  # noqa: PLC0415 - what is measured has to find the libraries gone, and imports it anew

    site = Path(torch.__file__).parents[1]
    away: list[Path] = []
    for pattern in patterns:
        found = [path for path in site.glob(pattern) if path.is_file() and not path.is_symlink()]
        if not found:
            raise SystemExit(f"--without {pattern}: {site} has no such file; give a pattern that names one")
        away += found
    try:
        for path in away:
            path.rename(path.with_name(f"{path.name}.away"))
        yield [(str(path.relative_to(site)), path.with_name(f"{path.name}.away").stat().st_size) for path in away]
    finally:
        for path in away:
            if (hidden := path.with_name(f"{path.name}.away")).exists():
                hidden.rename(path)


def list_libraries() -> list[str]:
    """Return the names of NVIDIA's libraries, and of torch's for CUDA, that this process has mapped."""
    mapped = {Path(line.split()[-1]) for line in Path("/proc/self/maps").read_text().splitlines() if ".so" in line}
    return sorted(path.name for path in mapped if "nvidia" in path.parts or path.name.startswith("libtorch_cuda"))


def encode(models: Path, device: str, output: Path) -> None:
    """Encode in this process: write vectors, and print figures as JSON."""
    import numpy as np  # noqa: PLC0415 - only what measures needs it

    from booksync_api_prediction.torch_encoder import TorchEncoder  # noqa: PLC0415

    texts = make_texts()
    begun = time.monotonic()
    encoder = TorchEncoder(models / MODEL, device=device, batch_size=BATCH_SIZE)
    ready = time.monotonic() - begun
    vectors = encoder.encode(texts)
    seconds = []
    for _ in range(ROUNDS):
        begun = time.monotonic()
        encoder.encode(texts)
        seconds.append(time.monotonic() - begun)
    np.save(output, np.array(vectors))
    import torch  # noqa: PLC0415

    figures = {
        "ready": ready,
        "texts": len(texts) / min(seconds),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "gpu": torch.cuda.get_device_name() if device != "cpu" else None,
        "memory": torch.cuda.max_memory_allocated() if device != "cpu" else 0,
        "libraries": list_libraries(),
    }
    print(json.dumps(figures))


def measure(models: Path, device: str, output: Path) -> dict[str, Any]:
    """Encode in a process of its own."""
    words = [sys.executable, "-m", "bench.gpu", "--models", str(models), "--encode", device, str(output)]
    done = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


async def ask_service(models: Path) -> list[str]:
    """Start the service on the GPU, store a text, and return what it says of itself, as lines."""
    import httpx  # noqa: PLC0415 - the service needs the whole web stack, and encoding does not

    from booksync_service_testing import processes  # noqa: PLC0415
    from booksync_service_testing.server import execute, make_database, render  # noqa: PLC0415

    with tempfile.NamedTemporaryFile() as log:
        async with make_database() as url:
            await execute(url, "CREATE EXTENSION vector")
            variables = {
                "APP_SECRET_KEY": SECRET,
                "BOOKSYNC_MODELS": str(models),
                "DATABASE_URL": render(url),
                "DEVICE": "cuda",
                "EMBEDDING_BACKEND": "torch",
                "EMBEDDING_MODEL": MODEL,
            }
            begun = time.monotonic()
            with processes.start("prediction", log_path=Path(log.name), **variables) as service:
                checks = service.wait_for("/health/ready", 200).json()["checks"]
                ready = time.monotonic() - begun
                begun = time.monotonic()
                async with httpx.AsyncClient(base_url=service.address, headers={"X-API-Key": SECRET}) as client:
                    answer = await client.put(
                        "/api/v1/embeddings/series/00000000-0000-4000-8000-000000000001",
                        json={"title": "Vinland Saga", "kinds": ["Seinen", "Historique"]},
                    )
                answer.raise_for_status()
                spent = time.monotonic() - begun
    return [
        "",
        f"The service with `DEVICE=cuda` was ready {ready:.1f} s after its start, and stored an embedding in",
        f"{spent * 1000:.0f} ms; of its model it says `{json.dumps(checks['model'])}`.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--without", metavar="PATTERN", action="append", default=[])
    parser.add_argument("--encode", nargs=2, metavar=("DEVICE", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.encode:
        encode(options.models, options.encode[0], Path(options.encode[1]))
        return
    import numpy as np  # noqa: PLC0415 - as above

    with tempfile.TemporaryDirectory() as folder, take_away(options.without) as gone:
        measured = {
            device: measure(options.models, device, Path(folder) / f"{device}.npy") for device in ("cpu", "cuda")
        }
        cpu, cuda = (np.load(Path(folder) / f"{device}.npy") for device in ("cpu", "cuda"))
        service = asyncio.run(ask_service(options.models)) if "TEST_DATABASE_URL" in os.environ else []
    cosine = float((cpu * cuda).sum(axis=1).min())
    gpu = measured["cuda"]
    rows = [
        ("CPU", f"{measured['cpu']['ready']:.1f}", f"{measured['cpu']['texts']:,.0f}", "", ""),
        (gpu["gpu"], f"{gpu['ready']:.1f}", f"{gpu['texts']:,.0f}", f"{cosine:.7f}", f"{gpu['memory'] / 1e6:.0f}"),
    ]
    lines = [
        "# On a GPU",
        "",
        f"Made by `python3 -m bench.gpu` with torch {gpu['torch']} and CUDA {gpu['cuda']} on {gpu['gpu']} and"
        f" {describe_machine()}: {COUNT}",
        f"texts in batches of {BATCH_SIZE}, the fastest of {ROUNDS} rounds.",
        "",
        *(f"| {' | '.join(row)} |" for row in (*TABLE, *rows)),
        *service,
        "",
        f"Libraries that the process had mapped: {', '.join(gpu['libraries'])}.",
    ]
    if gone:
        size = sum(size for _, size in gone)
        lines += ["", f"Taken away before, {size / 1e6:,.0f} MB: {', '.join(name for name, _ in gone)}."]
    (FOLDER / "gpu.md").write_text("\n".join([*lines, ""]))
    print(FOLDER / "gpu.md")


if __name__ == "__main__":
    main()
