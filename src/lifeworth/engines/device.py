"""Where numbers are computed, and how exactly."""

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jax

from lifeworth.tables.errors import InputError

Platform = Literal["cpu", "gpu"]

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
"""Of networks: weights are always float32, the mixed ones multiply in half of it."""


@dataclass(frozen=True)
class Hardware:
    """What networks are trained on.

    Attributes
    ----------
    devices
        GPUs, or processes on the CPU, that share the batches of an epoch.
    """

    platform: Platform = "cpu"
    precision: Precision = "32-true"
    devices: int = 1


_chosen = {"torch": Hardware()}


def use(
    platform: Platform,
    *,
    float64: bool = True,
    precision: Precision = "32-true",
    devices: int = 1,
) -> str:
    """Compute on `platform` from now on and return the device's name; likelihoods want float64.

    `precision` and `devices` are those of networks, which `accelerator` returns.

    Raises
    ------
    InputError
        If there is no such device, or the precision is not for it.
    """
    if (platform, precision) == ("cpu", "16-mixed"):
        raise InputError(
            "hardware.precision: '16-mixed' is for GPUs, hardware.platform is 'cpu'; "
            "use 32-true or bf16-mixed"
        )
    try:
        device = jax.devices(platform)[0]
    except RuntimeError as error:
        here = sorted({d.platform for d in jax.devices()})
        raise InputError(
            f"hardware.platform: '{platform}' is not here, JAX sees {', '.join(here)}; "
            "run with hardware=cpu, or install JAX for your GPU (pip install 'jax[cuda12]')"
        ) from error
    jax.config.update("jax_enable_x64", float64)
    jax.config.update("jax_default_device", device)
    keep_compiled_code(_cache() / "lifeworth" / "jax")
    _chosen["torch"] = Hardware(platform, precision, devices)
    return str(device.device_kind)


def accelerator() -> Hardware:
    """Return what `use` chose for networks: a CPU, unless it was asked for more.

    Raises
    ------
    InputError
        If torch sees too few GPUs for it.
    """
    chosen = _chosen["torch"]
    if chosen.platform == "gpu":
        import torch  # only here: most models do without

        seen = torch.cuda.device_count()
        if seen < chosen.devices:
            raise InputError(
                f"hardware: {chosen.devices} GPU(s) are asked for, torch {torch.__version__} sees "
                f"{seen}; run with hardware=cpu, lower hardware.devices, or install torch for CUDA"
            )
    return chosen


def keep_freed_memory() -> None:
    """Let this process keep the memory it frees, for the next batch; where the C library can.

    The tensors of a batch are large, so that glibc asks the system for each of them and gives it
    back at once: an eighth of the time of training an LSTM.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for what in (-3, -1):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h
            mallopt(what, 2**30)


def keep_compiled_code(folder: Path) -> None:
    """Keep what JAX compiles in `folder`, so that the next process need not compile it again."""
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
