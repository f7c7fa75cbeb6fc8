"""Where the configuration lies."""

from pathlib import Path

import lifeworth


def conf_folder() -> Path:
    """Return the folder of the configuration: inside the package, or beside src/ in a checkout."""
    package = Path(lifeworth.__file__).parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parents[1] / "conf"
