"""`python api.py` serves Roost on http://localhost:8000."""

import sys

from roost.serving import serve

if __name__ == "__main__":
    sys.exit(serve())
