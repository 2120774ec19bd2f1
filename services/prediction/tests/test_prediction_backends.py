"""The back end is the one that is installed or asked for; a model is baked in, a path, or comes from the hub."""

import hashlib
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from booksync_api_prediction.backends import choose_backend, find_model
from booksync_api_prediction.encoder import ModelMissingError
from booksync_api_prediction.settings import PredictionSettings
from booksync_service_testing.processes import build_environment, find_free_port
from booksync_service_testing.serving import PATIENCE

MODELS = Path(os.environ.get("BOOKSYNC_MODELS", PredictionSettings.model_fields["booksync_models"].default))
MODEL = MODELS / "all-MiniLM-L6-v2"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

type Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return what decides which modules are found."""

    def set_installed(*modules: str) -> None:
        found = importlib.machinery.ModuleSpec("found", None)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: found if name in modules else None)

    return set_installed


@pytest.mark.parametrize(
    ("installed", "wanted", "chosen"),
    [
        (("torch",), "auto", "torch"),
        (("onnxruntime",), "auto", "onnx"),
        (("torch", "onnxruntime"), "auto", "torch"),
        (("torch", "onnxruntime"), "onnx", "onnx"),
    ],
)
def test_back_end_is_the_one_that_is_there_or_asked_for(
    install: Install, installed: Sequence[str], wanted: str, chosen: str
) -> None:
    install(*installed)
    assert choose_backend(PredictionSettings.load(embedding_backend=wanted)) == chosen


@pytest.mark.parametrize(("installed", "wanted"), [(("onnxruntime",), "torch"), (("torch",), "onnx"), ((), "auto")])
def test_back_end_that_is_not_installed_is_refused_by_name(
    install: Install, installed: Sequence[str], wanted: str
) -> None:
    install(*installed)
    with pytest.raises(ModelMissingError, match=f"^EMBEDDING_BACKEND is {wanted}"):
        choose_backend(PredictionSettings.load(embedding_backend=wanted))


@pytest.mark.parametrize("name", ["baked", "sentence-transformers/baked"])
def test_baked_in_model_is_found_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "baked").mkdir()
    assert find_model(load(tmp_path, name), []) == tmp_path / "baked"


def test_model_is_found_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert find_model(load(tmp_path / "models", str(tmp_path / "mine")), []) == tmp_path / "mine"


@pytest.mark.parametrize("offline", ["1", "true", None])
def test_unknown_model_without_a_network_names_what_there_is_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: str | None
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", offline or "")
    if offline is None:
        monkeypatch.delenv("HF_HUB_OFFLINE")
    (tmp_path / "baked").mkdir()
    with pytest.raises(ModelMissingError) as caught:
        find_model(load(tmp_path, "owner/other"), [])
    message = str(caught.value)
    assert message.startswith(f"EMBEDDING_MODEL: there is no model {tmp_path}/owner/other; {tmp_path} has baked")
    assert "HF_HUB_OFFLINE=0" in message


@pytest.mark.parametrize("path", ["/nowhere/at/all", "./nowhere"])
def test_path_is_never_asked_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with pytest.raises(ModelMissingError) as caught:
        find_model(load(tmp_path, path), [])
    assert "hub" not in str(caught.value)


def test_hub_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    done = run_load(tmp_path, f"http://127.0.0.1:{find_free_port()}", "owner/other")
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("booksync_api_prediction.encoder.ModelMissingError: EMBEDDING_MODEL: there is no model")
    assert "from the hub, owner/other cannot be fetched" in last


@pytest.mark.skipif("BOOKSYNC_ON_IMAGE" not in os.environ, reason="a checkout may have no model, and nothing to run it")
def test_image_has_the_model_and_what_runs_it() -> None:
    is_slim = os.environ["BOOKSYNC_ON_IMAGE"].endswith("-onnx")
    assert (MODEL / ("model.onnx" if is_slim else "model.safetensors")).is_file()
    assert importlib.util.find_spec("onnxruntime" if is_slim else "torch") is not None


@pytest.mark.skipif(not MODEL.is_dir(), reason="there is no model")
@pytest.mark.parametrize("name", ["owner/other", "bare-name"])
def test_model_comes_from_the_hub_once(tmp_path: Path, name: str) -> None:
    hub_name = name if "/" in name else f"sentence-transformers/{name}"
    with run_hub(hub_name, MODEL) as (address, asked):
        done = run_load(tmp_path, address, name)
        assert done.stdout == "384\n", done.stderr
        fetched = [path for method, path in asked if method == "GET" and "/resolve/" in path]
        assert len(fetched) == len(set(fetched))
        assert not [path for path in fetched if path.endswith("README.md")]
        asked.clear()
        assert run_load(tmp_path, address, name).stdout == "384\n"
        assert not [path for method, path in asked if method == "GET" and "/resolve/" in path]


def load(models: Path, name: str) -> PredictionSettings:
    """Return settings with a folder of models."""
    return PredictionSettings.load(booksync_models=models, embedding_model=name)


def run_load(home: Path, hub: str, name: str) -> subprocess.CompletedProcess[str]:
    """Load a model in a process of its own, as the hub's client reads its variables once."""
    script = (
        "from booksync_api_prediction.backends import load_encoder\n"
        "from booksync_api_prediction.settings import PredictionSettings\n"
        "print(load_encoder(PredictionSettings.load(), 'cpu').dimension)\n"
    )
    variables = {
        "HF_ENDPOINT": hub,
        "HF_HOME": str(home / "hub"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "BOOKSYNC_MODELS": str(home),
        "EMBEDDING_MODEL": name,
    }
    return subprocess.run(
        [sys.executable, "-c", script],
        env=build_environment(variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@contextmanager
def run_hub(name: str, model: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Run a hub with one model; return its address, and what it is asked, a method and a path each."""
    asked: list[tuple[str, str]] = []
    files = {str(path.relative_to(model)): path for path in model.rglob("*") if path.is_file()}

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.command, self.path))
            path = self.path.partition("?")[0]
            if path.startswith(f"/api/models/{name}/revision/"):
                siblings = [{"rfilename": file} for file in files]
                self.answer(json.dumps({"id": name, "sha": COMMIT, "siblings": siblings}).encode())
            elif path == f"/api/models/{name}/tree/{COMMIT}":
                entries = [
                    {"type": "file", "path": file, "oid": COMMIT, "size": files[file].stat().st_size} for file in files
                ]
                self.answer(json.dumps(entries).encode())
            elif (file := path.removeprefix(f"/{name}/resolve/{COMMIT}/")) in files:
                self.answer(files[file].read_bytes())
            else:
                self.send_error(404)

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "application/json")
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()
