"""`isptune completion`: the script by which a shell completes our commands, options and choices."""

import click
from click.shell_completion import get_completion_class

PROGRAM, VARIABLE = "isptune", "_ISPTUNE_COMPLETE"
"""The console script, and the environment variable by which the shell's script asks it (click derives it)."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete `isptune` by the Tab key.

    \b
    Examples:
      isptune completion bash > ~/.local/share/bash-completion/completions/isptune
      isptune completion zsh > ~/.zfunc/_isptune           with ~/.zfunc in fpath
      isptune completion fish > ~/.config/fish/completions/isptune.fish
      eval "$(isptune completion bash)"                    for this shell only
    """
    made = get_completion_class(shell)
    assert made is not None, shell  # click knows each of the choices
    click.echo(made(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
