"""`python -m isptune`: the command line without its console script."""

from isptune.cli import main

if __name__ == "__main__":
    main()
