"""``python -m revloop``: the same as the ``revloop`` command."""

import sys

from revloop.cli import main

sys.exit(main())
