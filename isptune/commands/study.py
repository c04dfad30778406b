"""`isptune study`: people compare pictures. Its commands are imported when they are asked for."""

import importlib

import click

COMMANDS = {
    "new": "isptune.commands.study_new:new",
    "serve": "isptune.commands.study_serve:serve",
    "fit": "isptune.commands.study_fit:fit",
    "correlate": "isptune.commands.study_correlate:correlate",
    "weights": "isptune.commands.study_correlate:weights",
    "judge": "isptune.commands.study_judge:judge",
    "simulate": "isptune.commands.study_votes:simulate",
    "hand-out": "isptune.commands.study_votes:hand_out",
    "collect": "isptune.commands.study_votes:collect",
    "import": "isptune.commands.study_votes:import_votes",
    "export": "isptune.commands.study_votes:export_votes",
    "mos": "isptune.commands.study_mos:mos",
}


class _StudyCommands(click.Group):
    """Keeps the order above, which is that of the work."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        return getattr(importlib.import_module(module), name)


@click.command(cls=_StudyCommands)
def study() -> None:
    """Let people compare pictures in pairs, and scale what they say.

    \b
    isptune study new studies/mine --from-run runs/mine     pictures of a run, from its worst to its best
    isptune study serve studies/mine                        the page on which people vote
    isptune study fit studies/mine                          scores with intervals, and a report
    isptune study correlate studies/mine --objectives ssim,niqe,scorenet    which metric agrees with them
    isptune study judge studies/mine --judge depictqa       a model as an extra observer, marked as one
    """
