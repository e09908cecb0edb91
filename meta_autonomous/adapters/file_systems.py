"""Which kind of file system a path lies on, and which kinds SQLite is not safe on."""

import re
from pathlib import Path
from typing import Final

#: WAL needs memory shared between processes, and locks that tell the truth.
NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"9p", "afs", "afpfs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph"}
    | {"fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "lustre"}
    | {"ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs", "webdav"}
)

_OCTAL: Final = re.compile(r"\\([0-7]{3})")


def file_system_of(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str | None:
    """The type of the file system that holds a path (or will hold it); None if unknown."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    target = path.resolve()
    best, kind = -1, None
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:  # noqa: PLR2004 - device, folder, type
            continue
        # The kernel writes blanks and backslashes of a folder's name in octal.
        folder = Path(_OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[1]))
        if target.is_relative_to(folder) and len(folder.parts) >= best:
            best, kind = len(folder.parts), fields[2]
    return kind
