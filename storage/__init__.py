"""Tables, their queries, migrations, and the keys that are kept outside the database."""

import os

# Spreadsheets that strangers send are read by defusedxml alone: openpyxl would take lxml wherever it is installed.
os.environ["OPENPYXL_LXML"] = "False"
