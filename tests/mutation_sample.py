"""The share of a random sample of mutants of ``core`` that its tests kill, with a 95 % interval.

Each mutant's name, hashed, is a number between 0 and 1, whatever else there is; those between
``--low`` and ``--high`` are the sample. So it is drawn before anything is known of it, and samples
of intervals that do not meet are disjoint, even where the code changed in between. Only a test
that fails kills: what ran out of time, crashed, or is reached by no test counts as alive.

Needs mutmut, and the mutants, which it makes the first time: docs/development/mutation.md.
Run: python tests/mutation_sample.py --low 0 --high 0.01 [--report]
"""

import argparse
import ast
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from textwrap import dedent

from mutmut.mutation.data import MutantLineSpans
from mutmut.stats import status_by_exit_code
from scipy.stats import binomtest

_SEED = "2026-11-23"
_TWO_WORDS = re.compile(r"[A-Za-z]{2}[,.;:]? [A-Za-z]")


def place(name: str) -> float:
    """Give a mutant its number between 0 and 1."""
    return int(hashlib.sha256(f"{_SEED} {name}".encode()).hexdigest()[:12], 16) / 16**12


def read_verdicts(low: float, high: float) -> dict[str, tuple[Path, int | None]]:
    """Find the mutants of the sample: name, the file with its code, exit code of its tests."""
    found = {}
    for meta in sorted(Path("mutants").rglob("*.py.meta")):
        for name, code in json.loads(meta.read_text("utf-8"))["exit_code_by_key"].items():
            if low <= place(name) < high:
                found[name] = (meta.with_suffix(""), code)
    return found


def is_wording(name: str, file: Path) -> bool:
    """Tell whether a mutant only spells a text of two words or more in another way."""
    mutant = name.rpartition(".")[2]
    spans = MutantLineSpans.load(file.relative_to("mutants"))
    sources = spans.read_function_sources(
        [f"{mutant.partition('__mutmut_')[0]}__mutmut_orig", mutant]
    )
    before, after = (list(ast.walk(ast.parse(dedent(source)).body[0])) for source in sources)
    if [type(node) for node in before] != [type(node) for node in after]:
        return False
    pairs = zip(before, after, strict=True)
    texts = [(a.value, b.value) for a, b in pairs if isinstance(a, ast.Constant)]
    changed = [(a, b) for a, b in texts if a != b]
    return bool(changed) and all(
        isinstance(a, str) and isinstance(b, str) and _TWO_WORDS.search(a) for a, b in changed
    )


def tell(title: str, statuses: list[str]) -> None:
    """Print one line: of how many, the share killed, its Wilson interval, and what else befell."""
    counts = Counter(statuses)
    test = binomtest(counts["killed"], len(statuses))
    low, high = test.proportion_ci(method="wilson")
    others = ", ".join(f"{n} {status}" for status, n in counts.most_common() if status != "killed")
    share = f"{test.statistic:.1%} [{low:.1%}, {high:.1%}]"
    print(f"{title:<18} {len(statuses):5} mutants, killed {share}  {others}")


def main() -> None:
    """Run the sample's mutants, unless they were run, and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--low", type=float, default=0.0)
    parser.add_argument("--high", type=float, default=0.01)
    parser.add_argument("--children", type=int, default=2, help="mutants at a time")
    parser.add_argument("--report", action="store_true", help="only print what was found")
    options = parser.parse_args()
    drawn = read_verdicts(options.low, options.high)
    if not options.report:
        subprocess.run(
            ["mutmut", "run", "--max-children", str(options.children), *drawn], check=True
        )
        drawn = read_verdicts(options.low, options.high)
    packages: dict[str, list[str]] = defaultdict(list)
    texts = []
    for name, (file, code) in drawn.items():
        status = "crashed runner" if code == 255 else status_by_exit_code[code]
        wording = is_wording(name, file)
        packages[name.split(".")[2]].append(status)
        texts += [status] if not wording else []
        if status != "killed":
            print(f"{'wording' if wording else status:<12} {name}", file=sys.stderr)
    for package, statuses in sorted(packages.items()):
        tell(package, statuses)
    tell("all", [status for statuses in packages.values() for status in statuses])
    tell("without wording", texts)


if __name__ == "__main__":
    main()
