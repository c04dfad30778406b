"""`isptune completion`: the script by which a shell completes our commands, options and choices."""

import click
from click.shell_completion import get_completion_class

PROGRAM, VARIABLE = "isptune", "_ISPTUNE_COMPLETE"
"""The console script, and the environment variable by which the shell's script asks it (click derives it)."""


_BASH = r"""_isptune_completion() {
    local line=${COMP_LINE:0:COMP_POINT} IFS=' ' words typed before response completion type value
    read -ra words <<< "$line"
    [[ $line == *' ' ]] && words+=('')
    typed=${words[-1]}
    before=${typed%"${typed##*[:=]}"}
    IFS=$'\n'
    response=$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]} - 1)) _ISPTUNE_COMPLETE=bash_complete "$1")
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$before"}") ;;
        esac
    done
    compopt -o nospace
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} != *[:=.*] ]] && compopt +o nospace
    return 0
}
complete -o nosort -F _isptune_completion isptune
"""
"""As click's own, but that a word such as `command:isp.toml` or `isp.x1=` is one, which bash parts at its signs."""


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
    if shell == "bash":
        click.echo(_BASH, nl=False)
        return
    made = get_completion_class(shell)
    assert made is not None, shell  # click knows each of the choices
    click.echo(made(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
