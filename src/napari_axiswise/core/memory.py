"""Memory: what is free, what this process used at most, and whether the system had to end processes for it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

_CONTROL_GROUPS = Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Return how many bytes can be had without swapping, the limits of a container or a batch job included."""
    free = int(psutil.virtual_memory().available)
    for limit_file, usage_file, cache_name in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        for folder in _control_groups():
            # A file says "max" where there is no limit.
            with suppress(OSError, ValueError):
                limit = int((folder / limit_file).read_text())
                used = int((folder / usage_file).read_text())
                # Pages of files that were read are given back when memory is wanted.
                free = min(free, limit - used + _statistic(folder / "memory.stat", cache_name))
    return max(0, free)


def out_of_memory_kills() -> int:
    """Return how many processes the kernel has ended because memory ran out; 0 where it does not say."""
    sources = [
        *((folder / "memory.events", "oom_kill") for folder in _control_groups()),
        *((folder / "memory.oom_control", "oom_kill") for folder in _control_groups()),
        (Path("/proc/vmstat"), "oom_kill"),
    ]
    return sum(_statistic(path, name) for path, name in sources)


def peak_memory(pid: int | None = None) -> int:
    """Return the most bytes that a process has held since its `restart_peak`, or since it began.

    Parameters
    ----------
    pid : int, optional
        Left out, this process.

    Returns
    -------
    int
        0 where the process is gone.
    """
    with suppress(OSError):
        for line in Path(f"/proc/{pid or 'self'}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        usage = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return int(getattr(usage, "peak_wset", usage.rss))


def restart_peak() -> None:
    """Have `peak_memory` count from here on, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _control_groups() -> list[Path]:
    """Return the folders of this process's control group, or of the container that it is in."""
    folders = [_CONTROL_GROUPS, _CONTROL_GROUPS / "memory"]
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if path != "/" and controllers in ("", "memory"):
                folders.append(_CONTROL_GROUPS / controllers / path.lstrip("/"))
    return folders


def _statistic(path: Path, name: str) -> int:
    with suppress(OSError):
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name and value.isdigit():
                return int(value)
    return 0
