"""``python -m tempotron_backends``, the command ``tempotron``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
