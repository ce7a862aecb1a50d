"""``python -m toolenv``: the command, where no script is installed."""

from toolenv.cli.main import main

main()
