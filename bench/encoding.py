"""Measure how fast texts become vectors, and write it to bench/encoding.md.

    .venv/bin/python -m bench.encoding --models DIR [--torch-python COMMAND --torch-models DIR]

DIR is the folder usr/local/share/booksync/models of an image. The second interpreter is one with torch and
sentence-transformers, with the services' sources on its path; without it, their rows are left out.

Each back end runs in a process of its own, in turns, and the best of its rounds counts. Seconds are of the clock and
of the CPU (of all threads): on a machine that others use as well, only the latter can be compared.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.report import FOLDER, describe_machine

MODEL = "all-MiniLM-L6-v2"
TEXTS = 128
ROUNDS = 2
BATCH_SIZE = 32
#: Row -> interpreter, what makes `encode`, and the model.
ROWS = {
    "bare sentence-transformers": ("torch", "sentence_transformers", MODEL),
    "torch": ("torch", "service", MODEL),
    "onnx": ("onnx", "service", MODEL),
    "onnx, int8": ("onnx", "service", f"{MODEL}-int8"),
}
BARE = "bare sentence-transformers"


def load(kind: str, path: Path) -> Any:
    """Load a model in this process and return what encodes."""
    if kind == "service":
        from booksync_api_prediction.backends import load_encoder  # noqa: PLC0415 - measured
        from booksync_api_prediction.settings import PredictionSettings  # noqa: PLC0415

        settings = PredictionSettings.load(embedding_model=str(path), embedding_batch_size=BATCH_SIZE)
        return load_encoder(settings, "cpu").encode
    import torch  # noqa: PLC0415 - only its interpreter has it
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = SentenceTransformer(str(path), device="cpu", local_files_only=True)
    return lambda texts: model.encode(texts, batch_size=BATCH_SIZE, normalize_embeddings=True, show_progress_bar=False)


def read_memory(name: str) -> int:
    """Return a figure of this process in bytes: VmRSS or VmHWM."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def measure(kind: str, path: Path, texts: list[str]) -> dict[str, float]:
    """Load a model and encode once, in this process."""
    begun = time.monotonic()
    encode = load(kind, path)
    loaded = time.monotonic() - begun
    encode(texts[:BATCH_SIZE])
    begun, spent = time.monotonic(), time.process_time()
    encode(texts)
    return {
        "load": loaded,
        "seconds": time.monotonic() - begun,
        "cpu": time.process_time() - spent,
        "resident": read_memory("VmRSS"),
        "peak": read_memory("VmHWM"),
    }


def run_round(command: list[str], kind: str, path: Path, texts: Path) -> dict[str, float]:
    """Measure in a process of its own."""
    words = [*command, "-m", "bench.encoding", "--measure", kind, str(path), str(texts)]
    output = subprocess.run(words, cwd=FOLDER.parent, check=True, stdout=subprocess.PIPE, text=True).stdout
    figures: dict[str, float] = json.loads(output.splitlines()[-1])
    return figures


def format_report(found: dict[str, list[dict[str, float]]], *, machine: str) -> str:
    """Return the table as Markdown."""
    best = {row: min(rounds, key=lambda one: one["cpu"]) for row, rounds in found.items()}
    lines = [
        "# Encoding",
        "",
        f"Made by `.venv/bin/python -m bench.encoding` on {machine}: {TEXTS}",
        f"blurbs in French and English, batches of {BATCH_SIZE}, the best of {ROUNDS} rounds in turns. Goals, of bare",
        "sentence-transformers: torch 0.95, onnx 1.3.",
        "",
        "| back end | CPU s, 1,000 texts | of bare | texts/s, clock | load, s | resident, MB | at most, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row, figures in best.items():
        ratio = f"{best[BARE]['cpu'] / figures['cpu']:.2f} x" if BARE in best else ""
        lines.append(
            f"| {row} | {figures['cpu'] / TEXTS * 1000:.1f} | {ratio} | {TEXTS / figures['seconds']:.0f}"
            f" | {figures['load']:.1f} | {figures['resident'] / 1e6:.0f} | {figures['peak'] / 1e6:.0f} |"
        )
    return "\n".join([*lines, ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path(os.environ.get("BOOKSYNC_MODELS", ".")))
    parser.add_argument("--torch-python", type=shlex.split)
    parser.add_argument("--torch-models", type=Path)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        kind, path, texts = options.measure
        print(json.dumps(measure(kind, Path(path), json.loads(Path(texts).read_text()))))
        return 0
    if bool(options.torch_python) != bool(options.torch_models):
        parser.error("expected --torch-python and --torch-models together")
    machine = describe_machine()
    from booksync_testing.texts import HARD, make_texts  # noqa: PLC0415 - the second interpreter does not have it

    interpreters = {"onnx": ([sys.executable], options.models)}
    if options.torch_python:
        interpreters["torch"] = (options.torch_python, options.torch_models)
    rows = {name: row for name, row in ROWS.items() if row[0] in interpreters}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in rows}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as texts:
        json.dump(make_texts()[len(HARD) : len(HARD) + TEXTS], texts)
        texts.flush()
        for _ in range(ROUNDS):
            for name, (interpreter, kind, model) in rows.items():
                command, models = interpreters[interpreter]
                found[name].append(run_round(command, kind, models / model, Path(texts.name)))
    (FOLDER / "encoding.md").write_text(format_report(found, machine=machine))
    return 0


if __name__ == "__main__":
    sys.exit(main())
