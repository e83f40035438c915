"""OME-Zarr at addresses: on web servers, in S3 buckets, in memory, and on this computer."""

from __future__ import annotations

import asyncio
import base64
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.asyn import AsyncFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from zarr_stores import StorePlan, write_image, write_plate

import napari_axiswise as aw
from napari_axiswise.core.errors import PlaneError
from napari_axiswise.layouts.ome.zarr import is_plate
from napari_axiswise.planes import remote
from napari_axiswise.recipes.recipe import Recipe
from napari_axiswise.recipes.script import python_script
from processes import keep_new_processes


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server of the folder of the test, on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_plate_behind_an_address_is_read_by_the_workers(
    tmp_path: Path, server: str, version: str, lanes: aw.LaneExecutor
) -> None:
    folder = write_plate(tmp_path / "plate.zarr", StorePlan(version))
    assert is_plate(f"{server}/plate.zarr")
    near, far = aw.open_dataset(folder), aw.open_dataset(f"{server}/plate.zarr/")
    assert far.components == near.components
    assert far.source == f"{server}/plate.zarr"
    pipeline = aw.Pipeline([aw.Step(np.negative, name="negative")])
    result = aw.run(far, pipeline, axis="well", executor=lanes)
    assert not result.failures
    for plane in near.planes[list(near.components)].sample(5, random_state=0).to_dict("records"):
        np.testing.assert_array_equal(result.read("negative", **plane), np.negative(near.read(**plane)))


def test_an_address_without_a_plate_is_an_error(server: str) -> None:
    with pytest.raises(ValueError, match="no OME-Zarr at"):
        aw.open_dataset(f"{server}/nothing.zarr")


def test_an_address_that_nobody_answers_is_an_error() -> None:
    with pytest.raises((ValueError, OSError), match=r"127\.0\.0\.1"):
        aw.open_dataset("http://127.0.0.1:9/plate.zarr")


# ------------------------------------------------------------------------------------ passwords

LOGIN = "Basic " + base64.b64encode(b"user:S3CRET/@").decode()


class _Guarded(_Quiet):
    def send_head(self) -> Any:
        if self.headers["Authorization"] == LOGIN:
            return super().send_head()
        self.send_error(401)
        return None


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with a plate that asks for user and password; in the environment, there is no login for it."""
    write_plate(tmp_path / "www" / "plate.zarr", StorePlan("0.5"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Guarded, directory=str(tmp_path / "www"))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}/plate.zarr"
        server.shutdown()
        thread.join()


def test_a_password_in_an_address_is_used_and_stays_secret(
    tmp_path: Path, guarded: str, lanes: aw.LaneExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="napari_axiswise")
    caplog.set_level("DEBUG", logger="fsspec")
    dataset = aw.open_dataset(f"http://user:S3CRET%2F%40@{guarded}")
    assert dataset.source == dataset.opened == f"http://{guarded}"
    pipeline = aw.Pipeline([aw.Step(np.negative, name="negative")])
    result = aw.run(dataset, pipeline, axis="well", executor=lanes, output=tmp_path / "out")
    assert not result.failures
    recipe = Recipe.of(dataset, pipeline, "well")
    script = python_script(recipe)
    texts = [
        repr(dataset),
        str(dataset.report()),
        repr(result),
        repr(recipe),
        recipe.to_toml(),
        script,
        caplog.text,
    ]
    texts += [
        path.read_bytes().decode(errors="replace") for path in (tmp_path / "out").rglob("*") if path.is_file()
    ]
    assert not [text for text in texts if "S3CRET" in text or LOGIN[6:] in text]
    assert f"http://{guarded}" in recipe.to_toml()


def test_a_run_is_resumed_with_the_login_of_the_environment(tmp_path: Path, guarded: str) -> None:
    pipeline = aw.Pipeline([aw.Step(np.negative, name="negative")])
    options: dict[str, Any] = {"axis": "well", "executor": "serial", "output": tmp_path / "out"}
    first = aw.run(f"http://user:S3CRET%2F%40@{guarded}", pipeline, **options, axis_filter=("B02",))
    assert list(first.outcomes) == ["B02"]
    with pytest.raises((ValueError, OSError)) as refused:
        aw.open_dataset(f"http://{guarded}")
    assert "credentials" in str(refused.value)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password S3CRET/@\n")
    again = aw.run(f"http://{guarded}", pipeline, **options, resume=True)
    assert not again.failures
    assert len(again.outcomes) > 1


@pytest.mark.parametrize(
    "address", ["http://user:S3CRET@{}", "http://user:S3/CRET@{}", "http://{}?token=S3CRET"]
)
def test_a_wrong_password_is_in_no_error(guarded: str, address: str) -> None:
    with pytest.raises((ValueError, OSError)) as refused:
        aw.open_dataset(address.format(guarded))
    assert guarded in str(refused.value)
    assert "CRET" not in "".join(traceback.format_exception(refused.value))


def test_a_recipe_may_have_a_password_and_passes_it_on_to_nothing_but_the_server(
    tmp_path: Path, guarded: str
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        f'[dataset]\npath = "http://user:S3CRET%2F%40@{guarded}"\n[run]\naxis = "well"\n'
        '[[steps]]\nfunction = "numpy:negative"\n'
    )
    recipe = Recipe.read(path)
    assert "S3CRET" not in repr(recipe) + recipe.to_toml()
    assert len(recipe.run_arguments()["dataset"])


# ---------------------------------------------------------------------------------------- s3


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An S3 server of this computer, and in it a bucket with a plate of each version and an image."""
    s3fs = pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    folder = tmp_path_factory.mktemp("bucket")
    for version in ("0.4", "0.5"):
        write_plate(folder / f"plate-{version}.zarr", StorePlan(version, labels=("nuclei",)))
    write_image(folder / "image.zarr", StorePlan(), "A/01", "0")
    with pytest.MonkeyPatch.context() as environment, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "tests")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "tests")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with keep_new_processes(1):
            server = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        try:
            _wait_for(port)
            files = s3fs.S3FileSystem()
            files.mkdir("bucket")
            files.put(f"{folder}/", "bucket/", recursive=True)
            yield str(folder)
        finally:
            server.terminate()
            server.wait()
            s3fs.S3FileSystem.clear_instance_cache()


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < give_up, "the S3 server does not start"
            time.sleep(0.05)


def same_planes(far: aw.Dataset, near: aw.Dataset) -> bool:
    """Return whether two datasets have the same planes."""
    places = near.planes[list(near.components)].to_dict("records")
    assert far.components == near.components
    assert far.planes[list(far.components)].to_dict("records") == places
    return all(np.array_equal(far.read(**place), near.read(**place)) for place in places)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plate-0.4.zarr", "plate-0.5.zarr", "plate-0.5.zarr/", "image.zarr"])
def test_a_store_in_a_bucket_is_the_one_in_the_folder(bucket: str, name: str) -> None:
    far, near = aw.open_dataset(f"s3://bucket/{name}"), aw.open_dataset(f"{bucket}/{name}")
    assert same_planes(far, near)
    assert far.labels == near.labels
    assert far.problems == ()
    assert far.report().is_complete == near.report().is_complete
    assert is_plate(f"s3://bucket/{name}") == name.startswith("plate")


@pytest.mark.slow
def test_workers_read_from_a_bucket(bucket: str) -> None:
    dataset = aw.open_dataset("s3://bucket/plate-0.5.zarr")
    steps = [aw.Step(np.add, inputs=("raw", "labels/nuclei"), name="sum")]
    # New processes, which have the server's address in their environment.
    result = aw.run(dataset, steps, axis="well", executor="processes", workers=1)
    assert result.missing == ()
    where = {"well": "C03", "site": "1", "timepoint": "2", "channel": "2", "z_index": "3"}
    near = aw.run(f"{bucket}/plate-0.5.zarr", steps, axis="well", executor="serial")
    np.testing.assert_array_equal(result.read("sum", **where), near.read("sum", **where))


@pytest.mark.slow
def test_a_recipe_opens_its_bucket(bucket: str, tmp_path: Path) -> None:
    dataset = aw.open_dataset("s3://bucket/plate-0.5.zarr")
    path = aw.Recipe.of(dataset, aw.Pipeline([aw.Step(np.negative)]), "well").write(tmp_path / "a.toml")
    assert same_planes(aw.open_dataset(aw.Recipe.read(path).source), dataset)


@pytest.mark.slow
@pytest.mark.parametrize("address", ["s3://bucket/none.zarr", "s3://none/plate.zarr", "s3://bucket"])
def test_nothing_in_a_bucket_is_an_error_that_says_what_to_check(bucket: str, address: str) -> None:
    with pytest.raises(ValueError, match=f"no OME-Zarr at {address}/.*Check the address, and your cred"):
        aw.open_dataset(address)


# ---------------------------------------------------------------------------------------- other protocols


def test_a_store_in_memory_is_read_by_threads(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate.zarr", StorePlan())
    memory = MemoryFileSystem()
    try:
        memory.put(str(folder), "/tests/plate.zarr", recursive=True)
        far, near = aw.open_dataset("memory://tests/plate.zarr"), aw.open_dataset(folder)
        assert same_planes(far, near)
        steps = [aw.Step(np.negative, name="negative")]
        assert aw.run(far, steps, axis="well", executor="threads").missing == ()
    finally:
        memory.rm("/tests", recursive=True)


def test_an_address_of_this_computer_is_its_path(tmp_path: Path, plate: Path) -> None:
    dataset = aw.open_dataset(plate.as_uri())
    assert (dataset.layout, dataset.source) == (aw.open_dataset(plate).layout, str(plate))
    folder = write_plate(tmp_path / "a plate.zarr", StorePlan())
    assert same_planes(aw.open_dataset(folder.as_uri()), aw.open_dataset(folder))
    assert aw.open_dataset(f"file://localhost{folder.as_posix()}").source == str(folder)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        aw.open_dataset(f"{tmp_path.as_uri()}/nowhere")


class _Faulty(AsyncFileSystem):
    """Files of which each costs a given error, or time without end."""

    protocol = "faulty"
    cachable = False
    error: Exception | None = None

    async def _cat_file(self, path: str, start: Any = None, end: Any = None, **options: Any) -> bytes:
        if self.error is None:
            await asyncio.sleep(600)
        raise self.error or TimeoutError


@pytest.fixture
def faulty() -> Iterator[type[_Faulty]]:
    """A protocol ``faulty://``."""
    fsspec.register_implementation("faulty", _Faulty, clobber=True)
    yield _Faulty
    _Faulty.error = None


def test_denied_access_says_to_check_the_credentials(faulty: type[_Faulty]) -> None:
    faulty.error = PermissionError("Access Denied")
    with pytest.raises(ValueError, match=r"no OME-Zarr at faulty://a/: .* your credentials"):
        aw.open_dataset("faulty://a")


@pytest.mark.parametrize("error", [OSError("reset"), RuntimeError("no region"), ValueError("no bucket")])
def test_what_a_server_answers_is_told_with_the_address(faulty: type[_Faulty], error: Exception) -> None:
    faulty.error = error
    with pytest.raises(
        PlaneError, match=rf"faulty://a/zarr\.json cannot be read \({type(error).__name__}: {error}"
    ):
        aw.open_dataset("faulty://a")


def test_a_server_that_does_not_answer_is_given_up(
    faulty: type[_Faulty], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PATIENCE", -0.9)
    with pytest.raises(PlaneError, match=r"faulty://a cannot be read .*the network"):
        aw.open_dataset("faulty://a")


def test_an_unknown_protocol_is_an_error_that_names_it() -> None:
    with pytest.raises(PlaneError, match=r"unheard://a cannot be read .*unheard"):
        aw.open_dataset("unheard://a")
