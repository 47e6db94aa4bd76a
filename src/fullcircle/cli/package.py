"""``kedro package``: the wheel and its configuration, and nobody's secrets."""

from pathlib import Path

import click
from kedro.framework.cli.project import package as kedro_package

from fullcircle.cli.command import Command
from fullcircle.core.errors import ConfigurationError


def _package() -> None:
    """Build, unless a secret would go with it."""
    _refuse_secrets(Path("conf"))
    click.get_current_context().invoke(kedro_package)


def _refuse_secrets(conf: Path) -> None:
    """Refuse files of conf/local that Kedro reads, and would not leave out of the archive."""
    going = sorted(
        str(path)
        for path in (conf / "local").rglob("*")
        if path.is_file() and path.name != ".gitkeep" and path.suffix != ".yml"
    )
    if going:
        raise ConfigurationError(
            f"The archive would carry {', '.join(going)}: of conf/local, Kedro leaves out *.yml "
            "only. Rename or move what is there, and package again."
        )


package = Command(
    name="package",
    callback=_package,
    params=kedro_package.params,
    help="Build the wheel and conf-fullcircle.tar.gz in dist/, without conf/local.",
    example="kedro package",
    then="docs/deployment.md says how it runs without a checkout",
)
