"""``python -m connector.cli``: the same as the ``connector`` script."""

from connector.cli import main

main()
