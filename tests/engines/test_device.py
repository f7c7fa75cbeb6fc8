"""Where numbers are computed: a device that is not here is refused, one that is here is used."""

import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from lifeworth.engines import device
from lifeworth.engines.device import Hardware, accelerator, keep_freed_memory, use
from lifeworth.tables.errors import InputError

SETTINGS = [
    "jax_compilation_cache_dir",
    "jax_default_device",
    "jax_enable_x64",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
]
HAS_GPU = any(here.platform == "gpu" for here in jax.devices())


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the settings of the process back."""
    monkeypatch.setitem(device._chosen, "torch", Hardware())
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU here")
def test_a_gpu_that_is_not_here_is_refused_with_what_is_here_and_the_remedy():
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    with pytest.raises(InputError) as error:
        use("gpu")
    assert str(error.value) == (
        "hardware.platform: 'gpu' is not here, JAX sees cpu; run with hardware=cpu, "
        "or install JAX for your GPU (pip install 'jax[cuda12]')"
    )
    assert {name: getattr(jax.config, name) for name in SETTINGS} == before
    assert accelerator() == Hardware("cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="needs a GPU that JAX can see")
def test_a_gpu_that_is_here_is_used():
    assert use("gpu")
    assert {here.platform for here in jax.device_put(np.ones(3)).devices()} == {"gpu"}


@pytest.mark.parametrize(("float64", "kind"), [(True, "float64"), (False, "float32")])
def test_the_cpu_is_used_in_the_precision_that_is_asked_for(float64, kind):
    assert use("cpu", float64=float64) == jax.devices("cpu")[0].device_kind
    made = jax.device_put(np.ones(3))
    assert made.dtype == kind
    assert made.devices() == {jax.devices("cpu")[0]}


def test_float64_is_what_one_gets_without_asking():
    use("cpu")
    assert jax.device_put(np.ones(3)).dtype == "float64"


def test_compiled_code_is_kept_in_the_cache_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    use("cpu")
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "lifeworth" / "jax")


# ---- networks


def test_networks_are_trained_on_one_cpu_without_asking():
    assert accelerator() == Hardware(platform="cpu", precision="32-true", devices=1)


def test_networks_are_trained_on_what_was_chosen():
    use("cpu", precision="bf16-mixed", devices=2)
    assert accelerator() == Hardware(platform="cpu", precision="bf16-mixed", devices=2)
    use("cpu")
    assert accelerator() == Hardware()


def test_freed_memory_is_kept_where_the_c_library_can(monkeypatch):
    """What it is asked for, and that a C library without it is no fault."""
    asked = []
    library = SimpleNamespace(mallopt=lambda what, value: asked.append((what, value)))
    monkeypatch.setattr("ctypes.CDLL", lambda _name: library)
    keep_freed_memory()
    assert asked == [(-3, 2**30), (-1, 2**30)]
    monkeypatch.setattr("ctypes.CDLL", lambda _name: SimpleNamespace())
    keep_freed_memory()


def test_a_precision_that_only_gpus_have_is_refused():
    with pytest.raises(InputError) as error:
        use("cpu", precision="16-mixed")
    assert str(error.value) == (
        "hardware.precision: '16-mixed' is for GPUs, hardware.platform is 'cpu'; "
        "use 32-true or bf16-mixed"
    )
    assert accelerator() == Hardware()


def test_a_cpu_is_chosen_without_torch():
    code = (
        "import sys; sys.modules['torch'] = None; "
        "from lifeworth.engines.device import accelerator, use; use('cpu'); print(accelerator())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "Hardware(platform='cpu', precision='32-true', devices=1)"
