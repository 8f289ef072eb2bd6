#!/usr/bin/env python3
"""Shows that the tests which hold the two evaluators together would notice a mistake in the fast one.

Each mutation is a plausible bug, put into a copy of the workspace. The property test (`twin`, or `windows` for
correlations) and the rules' own records (`sigma`, with ASSIZE_DATA set) must then fail: by a test, not because the code no longer compiles.

    python3 tests/mutations.py [--target FOLDER] [name …]

FOLDER keeps what is built between runs (default: CARGO_TARGET_DIR, else `target`). Names choose some of the mutations.
Exit code 0: all were noticed. 1: one survived, or could not be tried. Python's standard library only.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENGINE = Path("crates/engine/src")
TESTS = ["twin", "sigma"]
WINDOW_TESTS = ["windows"]
CASES = "512"

# Name, file, exact old text (must stand there once), new text, what it breaks.
MUTATIONS = [
    (
        "null-on-empty",
        "matcher.rs",
        "Check::Null if found.present => Truth::False,",
        "Check::Null if found.present && found.unknown => Truth::False,",
        "null is also true of a field that is there and empty",
    ),
    (
        "trusting-index",
        "matcher/pairs.rs",
        "plain(facts.name(), &mut name) && !facts.ambiguous;",
        "plain(facts.name(), &mut name);",
        "the index trusts records whose source or name stands twice or is no text",
    ),
    (
        "sign-ins-succeed",
        "matcher/pairs.rs",
        " && self.no_error && name != SIGN_IN",
        " && self.no_error",
        "a sign-in without an error code has succeeded",
    ),
    (
        "false-is-true",
        "matcher/pairs.rs",
        "value.kind() == Kind::Bool => Flag::False,",
        "value.kind() == Kind::Bool => Flag::True,",
        "a flag that is false counts as one that is true",
    ),
    (
        "ascii-folding",
        "pattern.rs",
        "text.chars().flat_map(char::to_lowercase).collect()",
        "text.to_ascii_lowercase()",
        "case is ignored for ASCII letters only",
    ),
    (
        "contains-at-the-end",
        "pattern.rs",
        "if starts(from, part) {",
        "if from.len() > part.len() && starts(from, part) {",
        "`contains` does not look at the last position",
    ),
    (
        "all-for-any",
        "matcher/compile.rs",
        "all: item.has(Modifier::All),",
        "all: !item.has(Modifier::All),",
        "one of several values and all of them are exchanged",
    ),
    (
        "two-valued-neq",
        "matcher.rs",
        "if item.negate { truth.negate() } else { truth }",
        "if item.negate { Truth::from(truth != Truth::True) } else { truth }",
        "`neq` of what cannot be told is true",
    ),
    (
        "first-key-only",
        "matcher/field.rs",
        "value.named(key).any(|child| walk(child, rest, found, visit))",
        "value.get(key).is_some_and(|child| walk(child, rest, found, visit))",
        "the second of two equal keys is not looked at",
    ),
    (
        "network-edge",
        "cidr.rs",
        "(a ^ b) >> (width - bits) == 0",
        "(a ^ b) >> (width - bits + 1).min(width - 1) == 0",
        "the last bit of a network's prefix is not compared",
    ),
    (
        "omitted-is-missing",
        "matcher/field.rs",
        "found.unknown = true;",
        "found.unknown |= false;",
        "a field that AWS omitted counts as missing",
    ),
    (
        "empty-question-mark",
        "pattern.rs",
        "('?', _) => Token::One,",
        "('?', _) => Token::Any,",
        "`?` also stands for no character, or several",
    ),
    (
        "narrowing-not",
        "candidates.rs",
        "Condition::Not(_) => any(),",
        "Condition::Not(inner) => of_condition(inner, detection),",
        "the index narrows by what a condition negates",
    ),
    (
        "rounded-numbers",
        "number.rs",
        "mine.1.cmp(theirs.1)",
        "mine.1.take(15).cmp(theirs.1.take(15))",
        "numbers are the same if their first fifteen digits are",
    ),
    (
        "lost-surrogate",
        "json.rs",
        ".filter(|(low, _)| (0xDC00..0xE000).contains(low));",
        ".filter(|(low, _)| (0xDC01..0xE000).contains(low));",
        "a surrogate pair with the lowest second half is not joined",
    ),
    # Windows: these must be noticed by the property test of windows.
    (
        "window-open-end",
        "correlation/slide.rs",
        "while let Some(event) = events.get(from).filter(|event| event.time < time - window.timespan) {",
        "while let Some(event) = events.get(from).filter(|event| event.time <= time - window.timespan) {",
        "a window leaves out its first second",
    ),
    (
        "one-at-a-time",
        "correlation/slide.rs",
        "        while let Some(event) = events.get(to).filter(|event| event.time == time) {",
        "        if let Some(event) = events.get(to).filter(|event| event.time == time) {",
        "what happens in one second is not seen together",
    ),
    (
        "endless-chain",
        "correlation/slide.rs",
        "if before.is_some_and(|before| before >= time - window.timespan) {",
        "if before.is_some() {",
        "a chain may take longer than the timespan",
    ),
    (
        "late-answer",
        "correlation/slide.rs",
        "answer.is_none_or(|answer| answer > due)",
        "answer.is_none_or(|answer| answer >= due)",
        "an answer in the last second does not count",
    ),
    (
        "told-too-early",
        "correlation/slide.rs",
        " && due < known_until {",
        " {",
        "what may still come is said to be missing",
    ),
    (
        "order-of-reading",
        "correlation.rs",
        "events.sort_by_key(|event| (event.time, event.match_number()));",
        "events.sort_by_key(Event::match_number);",
        "events stand in the order of their objects, not of time",
    ),
    (
        "first-rule-only",
        "correlation.rs",
        "first.sources |= next.sources;",
        "",
        "a match of two rules belongs to the first alone",
    ),
    (
        "values-stay",
        "correlation/aggregate.rs",
        "known.remove(texts);",
        "",
        "a value stays counted when its last record has left the window",
    ),
    (
        "sums-stay",
        "correlation/aggregate.rs",
        "*sum -= number.0;",
        "*sum -= 0;",
        "a sum does not shrink",
    ),
    (
        "no-interpolation",
        "correlation/aggregate.rs",
        "Some(low * 100 + (high - low) * i128::try_from(part).ok()?)",
        "Some(low * 100 + (high - high) * i128::try_from(part).ok()?)",
        "a percentile is not interpolated",
    ),
    (
        "any-rule",
        "correlation.rs",
        "for of in matches.kinds.iter().filter(|of| of.legs & mine != 0) {",
        "for of in matches.kinds.iter().filter(|of| of.legs | mine != 0) {",
        "every match belongs to every rule",
    ),
]


def workspace_copy(root, folder):
    """Copies the workspace without what is built, so that a mutation never touches the real files."""

    def skip(path, names):
        built = [name for name in names if name.startswith("target") or name == ".git"]
        return built if Path(path) == root else []

    # Every copy gets the time of copying: with their old times cargo would take what an earlier run built, with the last
    # mutation in it, for the build of these files.
    return Path(shutil.copytree(root, folder / "workspace", ignore=skip, symlinks=True, copy_function=shutil.copyfile))


def cargo(arguments, tree, target):
    """Runs cargo; returns whether it succeeded, and what it printed."""
    environment = dict(os.environ, CARGO_TARGET_DIR=str(target), RUST_BACKTRACE="0", PROPTEST_MAX_SHRINK_ITERS="0")
    environment.setdefault("PROPTEST_CASES", CASES)
    done = subprocess.run(["cargo", *arguments], cwd=tree, env=environment, capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def failing_test(tests, tree, target):
    """The first of some tests that fails; None if all pass. Raises if they do not compile, or end without a result."""
    package = ["-p", "assize-engine"]
    compiled, output = cargo(["test", "--no-run", "-q", *package, *(f"--test={test}" for test in tests)], tree, target)
    if not compiled:
        raise RuntimeError(f"does not compile:\n{output}")
    for test in tests:
        passed, output = cargo(["test", "-q", *package, "--test", test], tree, target)
        if passed:
            continue
        if "test result: FAILED" not in output:
            raise RuntimeError(f"`{test}` ended without a result:\n{output}")
        return test
    return None


def attempt(mutation, tree, target):
    """Applies one mutation, runs the tests, puts the file back. Returns a problem, or None if it was noticed."""
    name, file, old, new, breaks = mutation
    path = tree / ENGINE / file
    text = path.read_text(encoding="utf-8")
    count = text.count(old)
    if count != 1:
        return f"{name}: its old text stands {count} times in {ENGINE / file}, not once"
    started = time.monotonic()
    path.write_text(text.replace(old, new), encoding="utf-8")
    try:
        test = failing_test(WINDOW_TESTS if file.startswith("correlation") else TESTS, tree, target)
    except RuntimeError as error:
        return f"{name}: {error}"
    finally:
        path.write_text(text, encoding="utf-8")
    seconds = time.monotonic() - started
    if test is None:
        return f"{name} survived: no test fails although {breaks}"
    print(f"caught    {name:<20} by {test:<6} {seconds:5.1f} s   {breaks}", flush=True)
    return None


def main():
    root = Path(__file__).resolve().parent.parent
    names = [mutation[0] for mutation in MUTATIONS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=Path, default=Path(os.environ.get("CARGO_TARGET_DIR", root / "target")))
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(names)}")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in names]
    if unknown:
        parser.error(f"no such mutation: {', '.join(unknown)}")
    chosen = [mutation for mutation in MUTATIONS if not options.names or mutation[0] in options.names]
    target = options.target.resolve() / "mutations"
    if "ASSIZE_DATA" not in os.environ:
        print("SKIPPED: the rules of SigmaHQ (ASSIZE_DATA is not set); the property test must notice alone", file=sys.stderr)
    problems = []
    with tempfile.TemporaryDirectory(prefix="assize-mutations-") as folder:
        tree = workspace_copy(root, Path(folder))
        try:
            failing = failing_test(TESTS + WINDOW_TESTS, tree, target)
        except RuntimeError as error:
            sys.exit(f"without a mutation the workspace {error}")
        if failing:
            sys.exit(f"without a mutation the test `{failing}` fails already")
        for mutation in chosen:
            problem = attempt(mutation, tree, target)
            if problem:
                print(f"SURVIVED  {problem}", flush=True)
                problems.append(problem)
    print(f"{len(chosen) - len(problems)} of {len(chosen)} mutations were noticed")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
