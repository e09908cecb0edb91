"""`calibration`: how often past confidences came true."""

import typer

from meta_autonomous.cli.session import AsJson, Role, Session


def calibration(context: typer.Context, *, as_json: AsJson = False) -> int:
    """Say how often past confidences came true.

    Reliability table, Brier score and calibration error of the program's own probabilities
    against the days that followed; per action type; and the hold-out (HOLDOUT_PCT), if any.
    """
    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, _):
        from meta_autonomous.operations.calibration import calibrate

        platform = loaded.system().platform
        told = calibrate(store, limits=loaded.limits(), rates=loaded.rates()).to_json()
    from meta_autonomous.render.calibration import calibration_document

    return session.present(
        {"platform": platform, **told}, lambda: calibration_document(told, platform=platform)
    )
