"""`python -m workbench package`: writes the package, checks it, starts it, and says what is wrong."""

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from faas_toolkit.wiring import PACKAGED_CATALOG
from workbench import catalog_file
from workbench.package import checks, packing, start
from workbench.package.contents import Package, Problem
from workbench.package.private import assembly
from workbench.package.rules.code import disclosures


def run(options: argparse.Namespace, console: Console) -> int:
    """Writes the package and reports; 1 where something is wrong, and then no package is left behind."""
    try:
        files = _files(options)
        target = _target(options.output, Package(files).manifest)
    except (packing.CannotPack, assembly.CannotBuild) as refusal:
        console.print(str(refusal), style="red", markup=False)
        return 2
    packing.write_package(target, files)
    package = Package.open(target)
    private = options.catalog is not None
    findings = [*_of_the_folder(), *checks.check(package, private=private)]
    findings += _doubts(package.text(PACKAGED_CATALOG)) if private else []
    broken = any(finding.severity == "error" for finding in findings)
    if not broken:
        with start.unpacked(target) as folder:
            findings += [checks.Violation("starts", "error", problem) for problem in start.starts(folder)]
    return _report(console, target, package, findings)


def _target(folder: Path, manifest: Mapping[str, Any]) -> Path:
    """Where the package goes; refused before anything is written, since what fails a rule is deleted again."""
    target = folder / f"{manifest.get('name')}-{manifest.get('version')}.difypkg"
    if target.parent != folder:
        raise assembly.CannotBuild(
            f"{target} would lie outside of {folder}. Name and version hold no slash: acme_functions, 1.2.3."
        )
    return target


def _files(options: argparse.Namespace) -> Mapping[str, bytes]:
    public = packing.read_files()
    if options.catalog is None:
        return public
    if not options.name:
        raise assembly.CannotBuild("A private package needs a name: --name acme_functions (make package CATALOG=… NAME=…).")
    identity = assembly.Identity(options.name, options.author, options.version)
    return assembly.private_files(public, _catalog(options.catalog), identity)


def _catalog(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise assembly.CannotBuild(f"There is no catalog in UTF-8 at {path}. functions/samples/catalog.yaml is one.") from error


def _doubts(catalog: str) -> list[checks.Violation]:
    """What `catalog check` warns of, such as functions that no role may call."""
    doubtful = [finding for finding in catalog_file.findings(catalog) if finding.severity == "warning"]
    return [
        checks.Violation("catalog", "warning", Problem(f"the catalog: {finding.path}", finding.message, finding.hint))
        for finding in doubtful
    ]


def _of_the_folder() -> list[checks.Violation]:
    """What is wrong with `.difyignore`: it decides for Dify's own packer too."""
    problems = [
        Problem(name, "is neither packed nor left out.", f"Name it in .difyignore: /{name}") for name in packing.unnamed_entries()
    ]
    problems += [
        Problem(".difyignore", f"{pattern} would also drop an inner folder of that name.", f"Write /{pattern}")
        for pattern in packing.unanchored_patterns()
    ]
    return [checks.Violation("difyignore_names_every_other_entry", "error", problem) for problem in problems]


def _report(console: Console, target: Path, package: Package, findings: list[checks.Violation]) -> int:
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
    names = ", ".join(path.removeprefix("tools/").removesuffix(".yaml") for path in package.tools)
    console.print(f"Tools: {names}", markup=False)
    console.print(f"A pull request to the marketplace discloses: {', '.join(disclosures(package))}.", style="dim", markup=False)
    return 0
