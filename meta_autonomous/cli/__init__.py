"""The commands: options in, one operation, one rendering, an exit code out."""

from typing import Final

#: The package's version, here so that `--version` needs nothing; a test holds it to pyproject.
VERSION: Final = "0.1.0"
