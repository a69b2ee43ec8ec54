"""Renders Markdown of the current folder: render.py pdf|html|latex|page FROM TO. Called by `music-scaling report` and `site`."""
import pathlib
import sys

import pypandoc

TOOLS = pathlib.Path(__file__).parent


def pandoc(to, *arguments):
    return pypandoc.convert_file(source, to, format="markdown", extra_args=["--standalone", "--columns=10000", *arguments])


def pdf():
    import typst

    text = pandoc("typst", "--default-image-extension=pdf", f"--template={TOOLS / 'report.typ'}")
    pathlib.Path("report.typ").write_text(text, encoding="utf-8")
    return typst.compile("report.typ")


def html():
    arguments = ["--default-image-extension=svg", "--embed-resources", "--mathml", f"--css={TOOLS / 'report.css'}"]
    return pandoc("html5", *arguments, *(["--toc", "--toc-depth=1", "--number-sections"] if kind == "html" else [])).encode()


def latex():
    page = ["-V", "documentclass=article", "-V", "papersize=a4", "-V", "geometry:margin=24mm", "-V", "colorlinks", "--number-sections"]
    return pandoc("latex", "--default-image-extension=pdf", *page, f"--include-in-header={TOOLS / 'header.tex'}").encode()


kind, source, file = sys.argv[1:]
made = {"pdf": pdf, "html": html, "latex": latex, "page": html}[kind]()
pathlib.Path(file).write_bytes(made)
