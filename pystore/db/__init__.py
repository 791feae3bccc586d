"""Collections in databases: typed rows, and predictions beside them.

from pystore.db import connect, image
"""
