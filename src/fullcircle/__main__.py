"""Entry point of the packaged project: ``fullcircle``, or ``python -m fullcircle``.

It takes what ``kedro`` takes in the project's folder: ``run``, which may be left out, or one of
the project's own commands, of which ``automl`` needs no project. ``--folder``, before all of them,
names the folder with ``conf`` in it.
"""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any


def main(*given: str) -> Any:
    """Run the project's pipelines, or one of its commands.

    Args:
        *given: The words after the program's name; by default those of the command line.
    """
    words = _enter_folder(list(given or sys.argv[1:]))
    _find_logging(words)

    from kedro.framework.project import configure_project

    from fullcircle.cli.main import cli, run

    configure_project(Path(__file__).parent.name)
    command = cli if words and words[0] in cli.commands else run
    # Where a notebook platform calls this, ending the process would look like a failure.
    return command(words, standalone_mode=not hasattr(sys, "ps1"))


def _enter_folder(words: list[str]) -> list[str]:
    """Go to the folder that is named first, for schedulers that cannot; return the other words."""
    if not words or words[0] != "--folder":
        return words
    try:
        os.chdir(words[1])
    except (IndexError, OSError) as error:
        raise SystemExit(
            "Error: --folder needs a folder that is there, with conf in it."
        ) from error
    return words[2:]


def _find_logging(words: list[str]) -> None:
    """Point Kedro, before it is imported, at the logging of the conf, or without one at our own.

    Kedro's own writes to standard output, where an answer in JSON must stand alone.
    """
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--conf-source", nargs="?", default="conf")
    logging = Path(parser.parse_known_args(words)[0].conf_source or "conf") / "logging.yml"
    found = logging if logging.is_file() else Path(__file__).with_name("logging.yml")
    os.environ.setdefault("KEDRO_LOGGING_CONFIG", str(found))


if __name__ == "__main__":
    main()
