"""The server tests' fixtures."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "server"))

from fixtures import *      # noqa: E402,F401,F403
