"""What installing costs, beside a plugin with the SDK alone: `python -m bench.install`. Uses the network.

Dify's daemon runs `uv pip install -r requirements.txt` into a fresh environment; so does this, each from an empty cache, one
after the other in one run. Then every pin is looked for as a wheel for Python 3.12 on both architectures, since the daemon's
image has no compiler. Goals: ≤ 60 s, ≤ 180 MB, no wheel missing (design.md §6).
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from uv import find_uv_bin

from bench.measure import Goal, save

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "requirements.txt"
SDK = "dify-plugin"
ARCHITECTURES = ("x86_64", "aarch64")
OLDEST_GLIBC = 5, 17, 28, 34
"""Minor versions of glibc 2 whose wheels Debian 12, which the daemon's image is made from, can load (PEP 600)."""


def main() -> None:
    """Measures and prints."""
    pins = read_pins()
    sdk = next(pin for pin in pins if pin.startswith(f"{SDK}=="))
    figures: dict[str, object] = {
        "bare": installed([sdk, "--constraint", str(REQUIREMENTS)]),
        "toolkit": installed(["--requirement", str(REQUIREMENTS)]),
    }
    missing = {architecture: without_wheel(architecture, pins) for architecture in ARCHITECTURES}
    report(figures, missing, len(pins))


def read_pins() -> list[str]:
    """The lines of requirements.txt, without comments."""
    lines = (line.split("#")[0].strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def installed(what: list[str]) -> dict[str, float]:
    """Seconds to install into a fresh environment from an empty cache, and megabytes and packages of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="install-") as folder:
        venv = Path(folder, "venv")
        uv = [find_uv_bin(), "--quiet", "--cache-dir", f"{folder}/cache"]  # not `python -m uv`, which prefers its own environment
        subprocess.run([*uv, "venv", "--python", sys.executable, str(venv)], check=True)
        before = occupied(venv)
        began = time.monotonic()
        subprocess.run([*uv, "pip", "install", "--python", str(venv / "bin" / "python"), *what], check=True)
        seconds = time.monotonic() - began
        size = occupied(venv) - before
        packages = len(list(venv.glob("lib/python*/site-packages/*.dist-info")))
    return {"seconds": round(seconds, 2), "megabytes": round(size / 1e6, 1), "packages": packages}


def occupied(folder: Path) -> int:
    """Bytes of all files below the folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def without_wheel(architecture: str, pins: list[str]) -> list[str]:
    """The pins that have no wheel for this architecture: all at once, and one by one only where that fails."""
    if has_wheels(architecture, pins):
        return []
    return [pin for pin in pins if not has_wheels(architecture, [pin])]


def has_wheels(architecture: str, pins: list[str]) -> bool:
    """Whether pip finds a wheel for each pin."""
    platforms = [f"manylinux_2_{minor}_{architecture}" for minor in OLDEST_GLIBC]
    platforms += [f"manylinux2014_{architecture}", f"manylinux1_{architecture}"]
    with tempfile.TemporaryDirectory(prefix="wheels-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder]
        command += ["--python-version", "312", "--implementation", "cp", "--abi", "cp312", "--abi", "abi3", "--abi", "none"]
        command += [option for platform in platforms for option in ("--platform", platform)]
        done = subprocess.run([*command, *pins], capture_output=True, text=True, check=False)
    if done.returncode and not re.search("No matching distribution|Could not find a version", done.stderr):
        raise RuntimeError(f"pip could not look: {done.stderr[-500:]}")
    return done.returncode == 0


def report(figures: dict[str, object], missing: dict[str, list[str]], pins: int) -> None:
    """Prints the table and keeps the figures."""
    rows = {name: row for name, row in figures.items() if isinstance(row, dict)}
    for name, row in rows.items():
        print(f"{name:8} {row['seconds']:6.1f} s   {row['megabytes']:6.1f} MB   {row['packages']} packages")
    for architecture, names in missing.items():
        print(f"wheels for cp312 {architecture}: {pins - len(names)} of {pins}{': no ' + ', '.join(names) if names else ''}")
    goals = [
        Goal("installed from an empty cache, s", rows["toolkit"]["seconds"], 60),
        Goal("installed size, MB", rows["toolkit"]["megabytes"], 180),
        Goal("pins without a wheel", sum(map(len, missing.values())), 0),
    ]
    print(*goals, sep="\n")
    print(save("install", {**figures, "without_wheel": missing}, goals))


if __name__ == "__main__":
    main()
