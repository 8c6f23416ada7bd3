"""Gets uv into .tools with nothing but the standard library and pip, also where the system's pip refuses to install (PEP 668)."""

import importlib.util
import subprocess
import sys
from pathlib import Path

UV = "uv==0.13.9"
FOLDER = Path(__file__).resolve().parent.parent / ".tools"


def main() -> int:
    """Returns 0 once .tools/bin/uv is there; otherwise one sentence says what to install."""
    if sys.version_info < (3, 11):
        return say(f"Rollcall needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.")
    if importlib.util.find_spec("ensurepip") is not None:
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
        install: list[str | Path] = [FOLDER / "bin" / "python", "-m", "pip", "install"]
    elif importlib.util.find_spec("pip") is not None:
        # A folder of its own is no system package: pip does not refuse it.
        install = [sys.executable, "-m", "pip", "install", "--target", FOLDER, "--upgrade"]
    else:
        return say(
            "This Python has neither venv nor pip: install one of them (Debian: apt-get install python3-venv), or uv."
        )
    done = subprocess.run([*install, "--quiet", "--disable-pip-version-check", UV], check=False)
    return (
        done.returncode
        if done.returncode
        else (0 if (FOLDER / "bin" / "uv").exists() else say("uv was not installed."))
    )


def say(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
