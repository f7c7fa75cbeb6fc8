"""Where numbers are computed, and how exactly."""

import os
from pathlib import Path
from typing import Literal

import jax

from lifeworth.tables.errors import InputError

Platform = Literal["cpu", "gpu"]


def use(platform: Platform, *, float64: bool = True) -> str:
    """Compute on `platform` from now on and return the device's name; likelihoods want float64.

    Raises
    ------
    InputError
        If there is no such device.
    """
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
    return str(device.device_kind)


def keep_compiled_code(folder: Path) -> None:
    """Keep what JAX compiles in `folder`, so that the next process need not compile it again."""
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
