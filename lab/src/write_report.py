"""Joins executed notebooks into one self-contained HTML page: write_report.py TITLE PAGE NOTEBOOK..."""
import os
import pathlib
import sys

import nbformat
from nbconvert import HTMLExporter

title, page, *notebooks = sys.argv[1:]
whole = nbformat.v4.new_notebook(metadata={"title": title, "language_info": {"name": "rust"}})
for path in notebooks:
    whole.cells += nbformat.read(path, as_version=4).cells
for number, cell in enumerate(whole.cells):
    cell["id"] = f"cell-{number}"
html, _ = HTMLExporter(embed_images=True).from_notebook_node(whole, resources={"metadata": {"name": title}})
page = pathlib.Path(page)
page.parent.mkdir(parents=True, exist_ok=True)
temporary = page.with_name(f".{page.name}.{os.getpid()}.tmp")
temporary.write_text(html, encoding="utf-8")
os.replace(temporary, page)
