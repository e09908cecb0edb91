"""The package's version, here so that `--version` needs nothing; a test holds it to pyproject."""

from typing import Final

VERSION: Final = "0.1.0"
