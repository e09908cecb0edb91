"""Where the simulated Graph API listens."""

from collections.abc import Mapping
from typing import Any

from meta_autonomous.render.banner import SANDBOX, banner
from meta_autonomous.render.document import Document, Pairs, Span, Tone, line


def serving_document(serving: Mapping[str, Any]) -> Document:
    accounts = ", ".join(serving["account_ids"])
    return Document.of(
        banner(SANDBOX),
        Pairs(
            (
                ("URL", Span(serving["url"], Tone.STRONG)),
                ("token", serving["token"]),
                ("ad accounts", accounts),
            )
        ),
        line(
            f"Try it: curl -H 'Authorization: Bearer {serving['token']}' "
            f"{serving['url']}/v26.0/me/adaccounts"
        ),
        line(Span("Ctrl-C ends it.", Tone.QUIET)),
    )
