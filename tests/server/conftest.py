"""See fixtures.py, which the tests of tests/sdk share."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from channels import a, b, c    # noqa: E402,F401
from fixtures import *          # noqa: E402,F401,F403
