"""Free memory, peak memory of a process, and processes killed by the system for lack of memory."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

_CONTROL_GROUPS = Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Return the free memory in bytes, within the limits of a container or a batch job."""
    free = int(psutil.virtual_memory().available)
    for limit_file, usage_file, cache_name in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        for folder in _control_groups():
            # The file contains "max" if there is no limit.
            with suppress(OSError, ValueError):
                limit = int((folder / limit_file).read_text())
                used = int((folder / usage_file).read_text())
                # The kernel frees cached file pages on demand.
                free = min(free, limit - used + _statistic(folder / "memory.stat", cache_name))
    return max(0, free)


def out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed for lack of memory; 0 if unknown."""
    sources = [
        *((folder / "memory.events", "oom_kill") for folder in _control_groups()),
        *((folder / "memory.oom_control", "oom_kill") for folder in _control_groups()),
        (Path("/proc/vmstat"), "oom_kill"),
    ]
    return sum(_statistic(path, name) for path, name in sources)


def peak_memory(pid: int | None = None) -> int:
    """Return the peak memory of a process in bytes, since its last `restart_peak` or its start.

    Parameters
    ----------
    pid : int, optional
        Defaults to this process.

    Returns
    -------
    int
        0 if the process does not exist.
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
    """Restart `peak_memory` of this process from its current memory, if the system supports it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _control_groups() -> list[Path]:
    """Return the folders of the control groups of this process and of its container."""
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
