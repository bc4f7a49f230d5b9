"""`python -m cometary` is the command `cometary`."""

import sys

from cometary.cli import main

sys.exit(main())
