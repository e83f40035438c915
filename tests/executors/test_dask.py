"""A Dask cluster: a real scheduler and real workers, which die, are cancelled and lose their client."""

from __future__ import annotations

import json
import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import napari_axiswise as aw
from napari_axiswise import MultiprocessingCoordinator, StandardComponents, Task, TaskEvent
from napari_axiswise.core.components import ComponentConfiguration
from napari_axiswise.core.errors import TaskLost
from napari_axiswise.executors.choice import open_executor
from processes import not_waiting_for

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="workers are ended by signals here"),
]

PATIENCE = 30
"""Seconds that a cluster may take to be ready."""


@dataclass(frozen=True)
class Cluster:
    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]

    def lanes(self) -> list[psutil.Process]:
        """The processes of lanes below the workers."""
        return [lane for worker in self.workers for lane in lanes_below(worker.pid)]


def lanes_below(pid: int) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(pid).children(recursive=True) if psutil.pid_exists(pid) else ():
        try:
            if "executors.worker" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            pass
    return found


@contextmanager
def dask_cluster(folder: Path, **environment: str) -> Iterator[Cluster]:
    """A scheduler and two workers of one thread each, one of them with a nanny, from the command line."""
    file = folder / "scheduler.json"
    log = (folder / "log").open("wb")

    def start(kind: str, *options: str) -> subprocess.Popen[bytes]:
        module = f"distributed.cli.dask_{kind}"
        command = [sys.executable, "-m", module, "--scheduler-file", str(file), "--no-dashboard", *options]
        return subprocess.Popen(command, stderr=log, stdout=log, cwd=folder, env=os.environ | environment)

    processes = [start("scheduler", "--host", "127.0.0.1", "--port", "0")]
    try:
        wait_until(file.exists)
        worker = ("worker", "--nthreads", "1", "--host", "127.0.0.1", "--local-directory", str(folder))
        processes += [start(*worker, "--no-nanny"), start(*worker)]
        address = json.loads(file.read_text())["address"]
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=PATIENCE)
        yield Cluster(address, processes[0], processes[1:])
    finally:
        victims = [psutil.Process(process.pid) for process in processes if process.poll() is None]
        for victim in [child for parent in victims for child in parent.children(recursive=True)] + victims:
            if victim.is_running():
                victim.kill()
        for process in processes:
            process.wait()
        log.close()


def wait_until(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with dask_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """After every test, no lane is left on any worker; the cluster itself lives as long as the module."""
    yield
    wait_until(lambda: not lanes_below(os.getpid()), 5)


def events_of(
    executor: Any, function: Callable[..., Any], contexts: dict[str, Any], pipeline: Any = None
) -> list[TaskEvent]:
    coordinator = MultiprocessingCoordinator(
        ComponentConfiguration(tuple(StandardComponents), StandardComponents.WELL)
    )
    tasks = {value: Task(value, context) for value, context in contexts.items()}
    return list(coordinator.iter_tasks(tasks, pipeline, executor, function))


def outcomes_of(*arguments: Any) -> dict[str, TaskEvent]:
    return {event.axis_value: event for event in events_of(*arguments) if event.is_outcome}


def kill_yourself(context: str, pipeline: object) -> str:
    if context == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return context


def mark_and_wait(context: str, pipeline: object) -> str:
    Path(context).touch()
    time.sleep(0.5)
    return context


def spin() -> None:
    """Hold the interpreter in native code: 10 ** 7 digits take longer than any test."""
    _ = 10 ** (10**7) // 3


class Unpicklable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    def __reduce__(self) -> Any:
        raise TypeError("never pickled")


def misbehave(context: str, pipeline: object) -> Any:
    if context == "exit":
        sys.exit(3)
    if context == "error":
        raise Unpicklable
    if context == "result":
        return Unpicklable()
    raise ValueError("this plane is odd")


@pytest.mark.parametrize("scheduler", [False, True], ids=["started here", "joined"])
def test_a_dead_worker_costs_one_task(request: pytest.FixtureRequest, scheduler: bool) -> None:
    address = request.getfixturevalue("cluster").address if scheduler else None
    contexts = {f"B{number:02}": "kill" if number == 3 else f"plane {number}" for number in range(12)}
    for _ in range(3):
        with open_executor("dask", None if scheduler else 2, address) as executor:
            events = events_of(executor, kill_yourself, contexts)
        outcomes = {event.axis_value: event for event in events if event.is_outcome}
        assert sorted(event.status for event in outcomes.values()) == ["done"] * 11 + ["lost"]
        assert "SIGKILL" in outcomes["B03"].error
        assert [event.status for event in events if event.axis_value == "B03"] == ["started", "lost"]


def test_a_dask_worker_that_is_killed_costs_no_task(tmp_path: Path) -> None:
    contexts = {f"B{number:02}": str(tmp_path / str(number)) for number in range(8)}
    with dask_cluster(tmp_path) as own, open_executor("dask", None, own.address) as executor:
        coordinator = MultiprocessingCoordinator(
            ComponentConfiguration(tuple(StandardComponents), StandardComponents.WELL)
        )
        tasks = {value: Task(value, context) for value, context in contexts.items()}
        statuses = []
        for event in coordinator.iter_tasks(tasks, None, executor, mark_and_wait):
            if event.is_outcome:
                statuses.append(event.status)
                if len(statuses) == 2:
                    own.workers[0].kill()
        assert statuses == ["done"] * 8


def test_a_task_whose_dask_workers_die_is_lost(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    environment = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with dask_cluster(tmp_path, **environment) as own:
        with open_executor("dask", None, own.address) as executor:
            future = executor.submit(mark_and_wait, str(mark), None)
            wait_until(mark.exists)
            for worker in psutil.Process(own.workers[1].pid).children(recursive=True):
                if worker.is_running():
                    worker.kill()
            own.workers[0].kill()
            with pytest.raises(TaskLost, match="1 of the cluster's workers"):
                future.result(timeout=PATIENCE)
        wait_until(lambda: own.workers[1].poll() is None and psutil.Process(own.workers[1].pid).children())
        with distributed.Client(own.address, set_as_default=False) as client:
            # By value, so that nothing of the tests has to be there.
            outcome = outcomes_of(client.get_executor(), lambda context, pipeline: os._exit(1), {"B02": 1})
    assert outcome["B02"].status == "lost"


def test_tasks_are_lost_where_the_scheduler_is_gone(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with dask_cluster(tmp_path) as own, open_executor("dask", None, own.address) as executor:
        futures = [executor.submit(mark_and_wait, str(mark), None) for _ in range(8)]
        wait_until(mark.exists)
        own.scheduler.kill()
        wait(futures, timeout=5)
        assert all(isinstance(future.exception(timeout=0), TaskLost) for future in futures)
        outcomes = outcomes_of(executor, mark_and_wait, {"B02": str(mark)})
        assert outcomes["B02"].status == "lost"
        assert "scheduler" in outcomes["B02"].error
        wait_until(lambda: not own.lanes(), 5)


def test_hostile_tasks_cost_themselves(cluster: Cluster) -> None:
    contexts = {"B02": "exit", "B03": "error", "B04": "result", "B05": "value"}
    with open_executor("dask", None, cluster.address) as executor:
        outcomes = outcomes_of(executor, misbehave, contexts)
    assert [outcomes[value].status for value in contexts] == ["failed"] * 4
    assert "this plane is odd" in outcomes["B05"].error
    assert "misbehave" in outcomes["B05"].traceback


@pytest.mark.parametrize("call", [spin, lambda: time.sleep(60)], ids=["native", "sleeping"])
def test_cancelling_ends_what_runs(cluster: Cluster, call: Callable[[], None]) -> None:
    with open_executor("dask", None, cluster.address) as executor:
        futures = [executor.submit(call) for _ in range(3)]
        wait_until(lambda: sum(future.running() for future in futures) == 2 and len(cluster.lanes()) == 2)
        time.sleep(0.5)
        busy = cluster.lanes()
        assert all(future.cancel() for future in futures)
        wait_until(lambda: not any(lane.is_running() for lane in busy))
        for future in futures:
            with pytest.raises(CancelledError):
                future.result(timeout=0)
        assert executor.submit(operator.mul, 6, 7).result(timeout=PATIENCE) == 42
    assert not cluster.lanes(), "leaving the cluster ends all lanes"


def test_many_tasks_are_cancelled_at_once(cluster: Cluster) -> None:
    coordinator = MultiprocessingCoordinator(
        ComponentConfiguration(tuple(StandardComponents), StandardComponents.WELL)
    )
    tasks = {str(number): Task(str(number), 60) for number in range(3000)}
    with open_executor("dask", None, cluster.address) as executor:
        events = coordinator.iter_tasks(tasks, None, executor, lambda context, _: time.sleep(context))
        next(event for event in events if event.status == "started")
        with not_waiting_for(30), closing(events):
            pass
    assert not cluster.lanes()


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_lanes_end_with_the_client(cluster: Cluster, ending: signal.Signals) -> None:
    script = (
        "import sys, time\n"
        "from napari_axiswise.executors.choice import open_executor\n"
        f"with open_executor('dask', None, {cluster.address!r}) as executor:\n"
        "    done = executor.submit(int, 1).result()\n"
        "    running = executor.submit(time.sleep, 60)\n"
        "    while not running.running(): time.sleep(0.01)\n"
        "    print('running', flush=True)\n"
        "    try: time.sleep(60)\n"
        "    finally: running.cancel()\n"
    )
    client = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/"
    )
    assert client.stdout is not None
    assert client.stdout.readline() == b"running\n"
    assert cluster.lanes()
    client.send_signal(ending)
    client.communicate(timeout=10)
    wait_until(lambda: not cluster.lanes(), 5)


def test_functions_beside_a_script_are_found(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "my_steps.py").write_text("def double(value): return 2 * value\n")
    (tmp_path / "script.py").write_text(
        "import my_steps\n"
        "from napari_axiswise.executors.choice import open_executor\n"
        f"with open_executor('dask', None, {cluster.address!r}) as executor:\n"
        "    print(executor.submit(my_steps.double, 21).result())\n"
    )
    told = subprocess.run(
        [sys.executable, tmp_path / "script.py"],
        capture_output=True,
        text=True,
        cwd="/",
        timeout=60,
        check=True,
    )
    assert told.stdout.split() == ["42"]
    assert not told.stderr


def smooth(plane: np.ndarray) -> np.ndarray:
    return (plane // 2 + np.roll(plane, 1, axis=0) // 2).astype(plane.dtype)


def measure(plane: np.ndarray) -> dict[str, list[float]]:
    return {"mean": [float(plane.mean())]}


def test_a_run_gives_the_same_bytes_as_a_serial_one(cluster: Cluster, plate: Path, tmp_path: Path) -> None:
    pipeline = aw.Pipeline(
        [
            aw.Step(smooth, name="smooth", keep=True),
            aw.Step(measure, name="measured", output="table"),
        ]
    )
    serial = aw.run(plate, pipeline, axis="well", executor="serial", output=tmp_path / "serial")
    with open_executor("dask", None, cluster.address) as executor:
        joined = aw.run(plate, pipeline, axis="well", executor=executor, output=tmp_path / "joined")
    assert not serial.failures
    assert not joined.failures
    assert joined.table.equals(serial.table)
    chunks = {
        file.relative_to(serial.output) for file in Path(serial.output).rglob("c/**/*") if file.is_file()
    }
    assert chunks
    for chunk in chunks:
        assert (Path(joined.output) / chunk).read_bytes() == (Path(serial.output) / chunk).read_bytes()


def test_the_executor_of_any_client_will_do(cluster: Cluster) -> None:
    with distributed.Client(cluster.address, set_as_default=False) as client:
        outcomes = outcomes_of(client.get_executor(), operator.mul, {"B02": 1, "B03": 2}, 10)
    assert {value: event.result for value, event in outcomes.items()} == {"B02": 10, "B03": 20}


def test_shutdown_without_waiting_lets_calls_finish() -> None:
    with open_executor("dask", 1) as executor:
        future = executor.submit(operator.mul, 6, 7)
        executor.shutdown(wait=False)
        assert future.result(timeout=PATIENCE) == 42
        with pytest.raises(RuntimeError, match="shut down"):
            executor.submit(operator.mul, 6, 7)


def test_what_cannot_be_joined_is_refused_at_once() -> None:
    for scheduler, error, message in (
        ("tcp://127.0.0.1:1", OSError, "dask scheduler"),
        ("tcp://nobody.invalid:8786", OSError, "No Dask scheduler answers"),
        ("nowhere", ValueError, "not the address"),
    ):
        with not_waiting_for(20), pytest.raises(error, match=message), open_executor("dask", None, scheduler):
            pass
    with (
        pytest.raises(ValueError, match="Leave out workers"),
        open_executor("dask", 2, "tcp://127.0.0.1:1"),
    ):
        pass
    with (
        pytest.raises(ValueError, match="not for 'threads'"),
        open_executor("threads", 2, "tcp://127.0.0.1:1"),
    ):
        pass


def test_workers_without_the_package_are_refused(tmp_path: Path) -> None:
    (tmp_path / "napari_axiswise.py").write_text("raise ImportError('it is not here')")
    with (
        dask_cluster(tmp_path, PYTHONPATH=str(tmp_path)) as own,
        pytest.raises(ValueError, match=r"it is not here.*Install the same version"),
        open_executor("dask", None, own.address),
    ):
        pass


def test_a_cluster_without_workers_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with dask_cluster(tmp_path) as own:
        for worker in own.workers:
            worker.terminate()
            worker.wait()
        with open_executor("dask", None, own.address) as executor:
            future = executor.submit(operator.mul, 6, 7)
            assert "Tasks wait until" in caplog.text
            assert not future.running()
            assert future.cancel()


def test_without_distributed_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "napari_axiswise.executors.cluster", None)
    with pytest.raises(ValueError, match=r"napari-axiswise\[dask\]"), open_executor("dask"):
        pass
