"""GPUs of this machine: how busy they are, and which are free. Without a driver there are none."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_FREE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU at one moment; what its driver does not tell is None.

    Parameters
    ----------
    index : int
        As `nvidia-smi` counts them.
    uuid, name : str
    used_mb, total_mb : int
        Memory, all programs together, in units of 2^20 bytes.
    use_percent : int, optional
        Share of the last second or less in which something ran on it.
    temperature_c : int, optional
    power_w : float, optional
    """

    index: int
    uuid: str
    name: str
    used_mb: int
    total_mb: int
    use_percent: int | None = None
    temperature_c: int | None = None
    power_w: float | None = None

    @property
    def has_room(self) -> bool:
        """Whether half of its memory or more is free: the rest may be a screen's."""
        return self.used_mb <= (1 - _FREE_SHARE) * self.total_mb


class GpuReader:
    """Asks NVIDIA's driver; opened at the first question."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nvml: Any = None

    def read(self) -> tuple[Gpu, ...]:
        """Return the GPUs this program may use, in order; none where there is no driver or it fails."""
        with self._lock:
            try:
                import pynvml

                if self._nvml is None:
                    pynvml.nvmlInit()
                    self._nvml = pynvml
                count = pynvml.nvmlDeviceGetCount()
                gpus = [_gpu(pynvml, index) for index in range(count)]
            except pynvml.NVMLError:
                self._nvml = None
                return ()
        return visible(gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))


def visible(gpus: list[Gpu], wanted: str | None) -> tuple[Gpu, ...]:
    """Return the GPUs that `CUDA_VISIBLE_DEVICES` leaves, by index or beginning of the UUID."""
    if wanted is None:
        return tuple(gpus)
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    return tuple(
        gpu
        for gpu in gpus
        if any(name == str(gpu.index) or (name[0] == "G" and gpu.uuid.startswith(name)) for name in names)
    )


@cache
def torch_has_cuda() -> bool:
    """Return whether the installed torch was built for CUDA, without importing it."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    facts = (Path(spec.origin).parent / "version.py").read_text()
    return not any(line.startswith("cuda") and line.endswith("None") for line in facts.splitlines())


def _gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    power_mw = _asked(nvml, nvml.nvmlDeviceGetPowerUsage, handle)
    use = _asked(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
    return Gpu(
        index,
        nvml.nvmlDeviceGetUUID(handle),
        nvml.nvmlDeviceGetName(handle),
        memory.used >> 20,
        memory.total >> 20,
        None if use is None else use.gpu,
        _asked(nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
        None if power_mw is None else power_mw / 1000,
    )


def _asked(nvml: Any, function: Any, *arguments: Any) -> Any:
    """Return what the driver tells, None where this device has no such thing."""
    try:
        return function(*arguments)
    except nvml.NVMLError:
        return None
