"""Running a program that refuses to be root, for somebody who is root. Adds no user and opens no folder of theirs."""

import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.errors import EmbeddedError

# Our own, in a range no distribution hands out (systemd's table: 60706-61183 unused), so that no other program on the
# machine may touch the files; it needs no entry in /etc/passwd.
OWN_UID = 61_025


@dataclass(frozen=True, slots=True)
class RunAs:
    """How to start a program as another user: what goes before its command, and the user to become."""

    prefix: tuple[str, ...]
    user: int | None  # to become before the command is run; None when the prefix does it, or nobody has to


AS_WE_ARE = RunAs((), None)


def run_as(uid: int, program: Path, folder: Path) -> RunAs:
    """How root starts `program` as `uid` with `folder` (which belongs to it) for its files.

    Where both can be reached by everybody, by becoming that user and nothing more. Under a closed folder, such as
    /root or a temporary one of mode 0700, the user keeps one privilege, CAP_DAC_READ_SEARCH: to pass through folders
    and to read. It writes only what it owns.
    """
    check = ["/bin/sh", "-c", 'test -w "$0" && exec "$1" --version', os.fspath(folder), os.fspath(program)]
    try:
        plain = subprocess.run(check, check=False, user=uid, group=uid, extra_groups=[], cwd="/", capture_output=True)
    except OSError as error:
        raise EmbeddedError(
            f"Root of this machine may not become another user ({error.strerror}), and Postgres refuses to run as"
            " root: start as an ordinary user."
        ) from error
    if plain.returncode == 0:
        return RunAs((), uid)
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is not None:
        for capability in ("dac_read_search", "dac_override"):  # containers often keep only the second
            prefix: tuple[str, ...] = (setpriv, f"--reuid={uid}", f"--regid={uid}", "--clear-groups")
            # The last one: access(2), by which Postgres looks whether it may run its own programs, forgets every
            # privilege of an ordinary user without it.
            prefix += (f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", "--securebits=+no_setuid_fixup")
            if subprocess.run([*prefix, "--", *check], check=False, cwd="/", capture_output=True).returncode == 0:
                return RunAs((*prefix, "--"), None)
    raise EmbeddedError(
        f"Postgres refuses to run as root, and another user may not enter {folder} or {program.parent}:"
        " start as an ordinary user, or choose a folder that everybody may pass through."
    )


def give(folder: Path, uid: int) -> None:
    """Makes everything in the folder belong to this user and a group of the same number."""
    os.chown(folder, uid, uid)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), uid, uid, follow_symlinks=False)


def named_uid() -> int:
    """A user of this machine that owns nothing, for programs that ask for their user's name."""
    return pwd.getpwnam("nobody").pw_uid
