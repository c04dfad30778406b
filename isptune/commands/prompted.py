"""`--prompt FILE`: puts rated pictures into the specs of the objectives that learn from them."""

from collections.abc import Sequence

PROMPT_HELP = "Rated pictures to learn your taste from: a CSV with the columns image,score, or study:DIR."


def with_prompt(objectives: Sequence[str], prompt: str) -> tuple[str, ...]:
    """The specs of objectives, with the prompt in those that take one; the others stay as they are.

    So it is part of the settings: a run that goes on must be given the same one.

    Raises:
        ConfigError: none of them takes a prompt, or a spec cannot hold this one.
        UnknownName: nothing of such a name is installed.
    """
    from isptune.errors import ConfigError
    from isptune.interfaces import TakesPrompt
    from isptune.registry import factory
    from isptune.spec import split_name

    specs = []
    for spec in objectives:
        name, argument = split_name(spec)
        make = factory("objective", name)
        taken = isinstance(make, TakesPrompt)
        specs.append(f"{name}:{make.with_prompt(argument, prompt)}" if taken else spec)
    if specs == list(objectives):
        raise ConfigError(
            f"--prompt {prompt}: {' and '.join(objectives)} cannot learn from rated pictures; these can: "
            f"{', '.join(_that_take_prompts()) or 'none that is installed'}"
        )
    return tuple(specs)


def _that_take_prompts() -> list[str]:
    from isptune.errors import ConfigError
    from isptune.interfaces import TakesPrompt
    from isptune.registry import factory, installed

    names = []
    for name in installed("objective"):
        try:
            make = factory("objective", name)
        except ConfigError:  # of a plug-in that does not import: nothing to recommend
            continue
        if isinstance(make, TakesPrompt):
            names.append(name)
    return names
