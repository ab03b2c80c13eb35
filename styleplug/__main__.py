"""`python -m styleplug` is the command `styleplug`."""

from styleplug.cli import main

main()
