"""Entry point of the packaged project: ``python -m fullcircle`` runs it."""

from pathlib import Path

from kedro.framework.project import configure_project

from fullcircle.cli import run


def main() -> None:
    """Run the project's pipelines with the arguments of ``kedro run``."""
    configure_project(Path(__file__).parent.name)
    run()


if __name__ == "__main__":
    main()
