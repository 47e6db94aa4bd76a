"""Run by ``kedro new --starter``: copy this repository into the new project, under its own name.

The template that cookiecutter fills holds nothing: the repository is the one copy of the tree.
"""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(r"{{ cookiecutter._repo_dir }}")
TITLE = "{{ cookiecutter.project_name }}"
PACKAGE = "{{ cookiecutter.python_package }}"
OF_THE_STARTER = (
    "cookiecutter.json",
    "prompts.yml",
    "hooks",
    "{" + "{ cookiecutter.repo_name }" + "}",
)


def list_files(renaming: dict) -> list[Path]:
    """List what git keeps, or where there is no git, all that no run or tool has made."""
    try:
        words = ["git", "-C", str(SOURCE), "ls-files", "-z"]
        done = subprocess.run(words, capture_output=True, check=True)  # noqa: S603 - our own words
        files = [Path(name) for name in done.stdout.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        files = [path.relative_to(SOURCE) for path in renaming["list_files"](SOURCE)]
    return [path for path in files if path.parts[0] not in OF_THE_STARTER]


def main() -> None:
    """Copy, rename, tidy."""
    [found] = SOURCE.glob("src/*/cli/package_rename.py")
    renaming = runpy.run_path(str(found))
    project = Path.cwd()
    (project / ".gitkeep").unlink()  # all that the template holds
    for path in list_files(renaming):
        if (SOURCE / path).is_file():
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / path, project / path)
    try:
        changed = renaming["rename_package"](project, PACKAGE, TITLE)
    except ValueError as error:
        sys.exit(str(error))
    renaming["tidy"](project, changed)
    shutil.rmtree(project / ".ruff_cache", ignore_errors=True)


main()
