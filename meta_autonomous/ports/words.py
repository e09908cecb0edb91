"""Words that every port uses."""

from collections.abc import Mapping
from typing import Any, Final

Json = Mapping[str, Any]

#: Who the program itself is, in the ledger and in `created_by` and `decided_by`.
WORKER: Final = "autonomous_worker"
