"""`python -m workbench package`: writes the package, checks it, starts it, and says what is wrong."""

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from workbench.package import checks, packing, start
from workbench.package.contents import Package, Problem
from workbench.package.rules.code import disclosures

DIST = packing.PROJECT / "dist"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--output", type=Path, default=DIST, metavar="DIR", help="where the package goes (default: dist/)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, console: Console) -> int:
    """Writes the package and reports; 1 where something is wrong, and then no package is left behind."""
    try:
        files = _public()
    except packing.CannotPack as refusal:
        console.print(str(refusal), style="red", markup=False)
        return 2
    identity = Package(files).manifest
    target = options.output / f"{identity.get('name')}-{identity.get('version')}.difypkg"
    packing.write_package(target, files)
    package = Package.open(target)
    findings = [*_of_the_folder(), *checks.check(package)]
    broken = any(finding.severity == "error" for finding in findings)
    if not broken:
        with start.unpacked(target) as folder:
            findings += [checks.Finding("starts", "error", problem) for problem in start.starts(folder)]
    return _report(console, target, package, findings)


def _public() -> Mapping[str, bytes]:
    return packing.read_files()


def _of_the_folder() -> list[checks.Finding]:
    """What is wrong with `.difyignore`: it decides for Dify's own packer too."""
    problems = [
        Problem(name, "is neither packed nor left out.", f"Name it in .difyignore: /{name}") for name in packing.unnamed_entries()
    ]
    problems += [
        Problem(".difyignore", f"{pattern} would also drop an inner folder of that name.", f"Write /{pattern}")
        for pattern in packing.unanchored_patterns()
    ]
    return [checks.Finding("difyignore_names_every_other_entry", "error", problem) for problem in problems]


def _report(console: Console, target: Path, package: Package, findings: list[checks.Finding]) -> int:
    for finding in findings:
        style = "red" if finding.severity == "error" else "yellow"
        console.print(f"[{style}]{finding.severity}[/] [dim]{finding.rule}[/] {escape(str(finding.problem))}")
    if any(finding.severity == "error" for finding in findings):
        target.unlink()
        console.print("No package was written: repair the errors above.", style="bold red")
        return 1
    unpacked = sum(map(len, package.files.values()))
    console.print(
        f"[bold green]{escape(str(target))}[/] {len(package.files)} files, {package.packed_bytes:,} bytes ({unpacked:,} unpacked)"
    )
    console.print(f"sha256 {hashlib.sha256(target.read_bytes()).hexdigest()}", style="dim")
    console.print(f"To disclose in a pull request: {', '.join(disclosures(package))}.", style="dim", markup=False)
    return 0
