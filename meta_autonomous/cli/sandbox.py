"""`sandbox`: the simulated Graph API, for trying and for your own tests."""

from pathlib import Path
from typing import Annotated

import typer

from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import AsJson, Session
from meta_autonomous.domain.exit_code import ExitCode

app = group("The simulated Meta ad account.")


@app.callback()
def _group() -> None:
    """Keep `serve` a word of its own while it is the only command of the group."""


@app.command()
def serve(
    context: typer.Context,
    *,
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", help="0: any free one.", min=0, max=65_535),
    ] = 0,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="PATH", help="Keep the world there; else in memory."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Serve the simulated Graph API.

    On loopback, until Ctrl-C; prints its URL and token.
    """
    session = Session.of(context, as_json=as_json)
    import threading

    from meta_autonomous.adapters.sandbox import TOKEN, Sandbox
    from meta_autonomous.render.sandbox import serving_document

    with Sandbox(file) as sandbox, sandbox.serving(port=port) as url:
        shaped = {
            "url": url,
            "token": TOKEN,
            "account_ids": sandbox.account_ids,
            "platform": "sandbox",
        }
        session.present(shaped, lambda: serving_document(shaped))
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return ExitCode.DONE
    return ExitCode.DONE
