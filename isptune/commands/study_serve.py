"""`isptune study serve`: the page on which people vote, and the owner's page."""

import click


@click.command()
@click.argument("folder", metavar="DIR")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. 0.0.0.0 lets the whole network in; what that means is printed.",
)
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--invite",
    default=0,
    show_default=True,
    metavar="N",
    type=click.IntRange(0, 1000),
    help="Make N links for new observers and print them. The owner's page makes them too.",
)
@click.option(
    "--name",
    "names",
    metavar="NAME",
    multiple=True,
    help="Another name of this server, such as that of a proxy before it; may be repeated.",
)
def serve(folder: str, host: str, port: int, invite: int, names: tuple[str, ...]) -> None:
    """Serve a study: prints your own page's link, on which you invite observers, watch, and close the study.

    Every observer has a link of their own and can come back to it. A vote that was acknowledged is on the disk. Stop
    with Ctrl-C and start again whenever you like; the links stay the same.

    \b
    Examples:
      isptune study serve studies/mine
      isptune study serve studies/mine --invite 5
      isptune study serve studies/mine --host 0.0.0.0 --port 8080    colleagues on the same network
    """
    from pathlib import Path

    from isptune.study.site.server import serve as serve_study

    serve_study(Path(folder), host, port, invite, click.echo, names)
