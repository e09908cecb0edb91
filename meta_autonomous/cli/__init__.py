"""The commands: options in, one operation, one rendering, an exit code out."""

from meta_autonomous.domain.version import VERSION

__all__ = ["VERSION"]
