"""`python api.py` serves Roost on http://localhost:8000."""

import sys

from roost.serving import serve
from roost.standard_streams import open_closed_streams

if __name__ == "__main__":
    open_closed_streams()
    sys.exit(serve())
