"""The answer of a command that handled ids one by one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meta_autonomous.cli.session import Session

if TYPE_CHECKING:
    from meta_autonomous.operations.by_person import Handled


def answer(
    session: Session, handled: "Sequence[Handled]", *, platform: str, deed: str = "decide"
) -> int:
    from meta_autonomous.operations.by_person import exit_code_of
    from meta_autonomous.render import actions as render

    return session.present(
        [render.handled_json(result, platform=platform) for result in handled],
        lambda: render.handled_document(handled, platform=platform, deed=deed),
        code=exit_code_of(handled),
    )
