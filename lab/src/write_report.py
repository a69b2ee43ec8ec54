"""Joins executed notebooks into one page that needs nothing else: write_report.py [--results RESULTS] [--each FOLDER] TITLE PAGE NOTEBOOK...

With --each, every notebook becomes a page of its own in that folder, too, below the page `../index.html`.

The page asks no other host for anything: pictures and sounds are in it, formulas are MathML, and its one style is below.
"""
import argparse
import datetime
import html
import json
import os
import pathlib
import platform
import re
import subprocess

import mistune
import nbformat
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import RustLexer

try:
    from latex2mathml.converter import convert as mathml
except ImportError:  # an environment from before formulas: they are shown as they were typed
    mathml = None

LONGEST_LOG = 12  # lines; longer ones are folded

STYLE = """
:root { --ink: #222; --grey: #666; --line: #ddd; --paper: #fff; --code: #f6f7f8 }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1.2rem; max-width: 50rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem } h2 { font-size: 1.25rem; margin: 2rem 0 .6rem }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem } a { color: #0059a8 }
section { border-top: 3px solid var(--ink); margin-top: 4rem; padding-top: 1.2rem }
pre, code { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .82rem }
pre { background: var(--code); padding: .6rem .8rem; overflow-x: auto; line-height: 1.4; margin: .4rem 0 }
details { margin: .4rem 0 } summary { cursor: pointer; color: var(--grey); font-size: .85rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap } summary code { font-size: .78rem }
img { max-width: 100%; height: auto } audio { width: 100%; max-width: 26rem } .wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .85rem; margin: .5rem 0 } th, td { padding: .2rem .6rem; text-align: left; vertical-align: top }
td:first-child { white-space: nowrap } thead th { border-bottom: 1px solid var(--grey) } nav ul { list-style: none; padding-left: 1rem } nav > ul { padding-left: 0 }
nav > ul > li { margin-bottom: .5rem; font-weight: 600 } nav ul ul li { font-weight: 400; font-size: .9rem }
blockquote { border-left: 3px solid var(--line); margin-left: 0; padding-left: 1rem; color: var(--grey) }
math[display=block] { margin: .8rem 0; overflow-x: auto }
@media print { @page { margin: 20mm 18mm } body { max-width: none; padding: 0; font-size: 10pt } a { color: inherit; text-decoration: none }
  section { break-before: page; border: 0; margin: 0 } nav { break-before: page } h1, h2, h3 { break-after: avoid }
  figure, img, tr { break-inside: avoid } audio { display: none } details:not([open]) { display: none } pre { font-size: 7.5pt; white-space: pre-wrap;
  overflow-wrap: anywhere } }
"""


class Renderer(mistune.HTMLRenderer):
    """Headings get ids and are remembered for the contents; links between notebooks stay on the page."""

    def __init__(self, names, page):
        super().__init__(escape=False)
        self.names, self.page, self.name, self.headings, self.used = names, page, "", [], set()

    def heading(self, text, level, **_):
        words = re.sub(r"<math.*?</math>|<[^>]+>", "", text)
        slug = base = f"{self.name}-{re.sub(r'[^a-z0-9]+', '-', html.unescape(words).lower()).strip('-')}"
        number = 2
        while slug in self.used:
            slug, number = f"{base}-{number}", number + 1
        self.used.add(slug)
        self.headings.append((self.name, level, slug, words))
        return f'<h{level} id="{slug}">{text}</h{level}>\n'

    def link(self, text, url, title=None):
        target = url.split("#")[0].rsplit("/", 1)[-1].removesuffix(".ipynb")
        if target in self.names:
            return f'<a href="{self.page.format(target)}">{text}</a>'
        if re.match(r"https?:|mailto:", url):
            return f'<a href="{html.escape(url)}">{text}</a>'
        return text  # a file beside the notebooks, which a page on its own does not have

    def block_math(self, text):
        return formula(text, "block") + "\n"

    def inline_math(self, text):
        return formula(text, "inline")


def formula(text, display):
    try:
        return mathml(text.strip(), display=display)
    except Exception:  # no converter, or a formula that it does not know
        return f"<code>{html.escape(text)}</code>"


def folded(summary, content):
    return f"<details><summary>{summary}</summary>{content}</details>\n"


def code(source):
    lines = source.strip().splitlines() or [""]
    marked = highlight(source, RustLexer(), HtmlFormatter(nowrap=True))
    return folded(f"Code, {len(lines)} lines: <code>{html.escape(lines[0][:90])}</code>", f"<pre>{marked}</pre>")


def output(one, alt):
    if one.output_type == "stream":
        text = one.text.strip("\n")
        log = f"<pre>{html.escape(text)}</pre>\n"
        lines = text.splitlines()
        return folded(f"{len(lines)} lines of output: {html.escape(lines[-1][:90])}", log) if len(lines) > LONGEST_LOG else log if text.strip() else ""
    if one.output_type == "error":
        return f"<pre>{html.escape(one.ename)}: {html.escape(one.evalue)}</pre>\n"
    data = one.data
    if "text/html" in data:
        return "" if 'class="live"' in data["text/html"] else f'<div class="wide">{data["text/html"]}</div>\n'
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            return f'<figure style="margin:.5rem 0"><img alt="{alt}" src="data:{kind};base64,{data[kind].strip()}"></figure>\n'
    return data.get("image/svg+xml") or f"<pre>{html.escape(data.get('text/plain', ''))}</pre>\n"


def body(name, notebook, markdown):
    parts = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            parts.append(markdown(cell.source))
        elif cell.cell_type == "code":
            parts.append(code(cell.source))
            parts += [output(one, f"Figure of {name}, cell {number}") for one in cell.outputs]
    return "".join(parts)


def said(pattern, notebooks):
    """The first match of a pattern in what the cells printed."""
    for notebook in notebooks.values():
        for cell in notebook.cells:
            for one in cell.get("outputs", []):
                found = re.search(pattern, one.get("text", ""), re.MULTILINE)
                if found:
                    return found.group(1).strip()
    return "not said"


LAWS = {"Transformers' law": "transformer", "LSTMs' law": "lstm", "L(N, D)": "in_n_and_d"}


def findings(results):
    """(title, sentence) of the laws, the prediction and the test in a study's results.json."""
    for title, name in LAWS.items():
        law = (results.get("laws") or {}).get(name)
        if isinstance(law, str):  # why there is none
            yield title, law
        elif law:
            verdict = law["verdict"]
            words = verdict["kind"].replace("_", " ").replace("not ", "NOT ")
            yield title, f"alpha {law['alpha']:.3f} is {words}" + (f": {verdict['reason']}" if verdict.get("reason") else "")
    if outcome := results.get("outcome"):
        held = {True: ", inside its interval", False: ", OUTSIDE its interval", None: ""}[outcome["inside"]]
        yield "Prediction", f"{outcome['prediction']['predicted']:.4f} predicted, {outcome['measured']:.4f} measured nats a token{held}"
    for test in [*results.get("test", {}).values(), results.get("test_ngram")]:
        if test:
            yield "Test", f"{test['run']}: {test['test_loss']:.4f} nats a token, perplexity {test['perplexity']:.3f}, {test['bits_per_char']:.3f} bits a character"


def cover(title, notebooks, results):
    commit = subprocess.run(["git", "log", "-1", "--format=%h of %cs"], capture_output=True, text=True).stdout.strip()
    rows = [
        ("Preset", said(r"^study +(.*)$", notebooks)),
        ("Corpus", said(r"^corpus +(.*)$", notebooks)),
        ("Budget", said(r"^budget +(.*)$", notebooks)),
        ("Machine", f"{said(r'(?:ran )?on ((?:CPU|GPU|CUDA|Metal)[^,;:]*(?:, [0-9]+ threads)?)', notebooks)}; {platform.system()} {platform.machine()}"),
        ("Commit", commit or "not under version control"),
        ("Date", datetime.date.today().isoformat()),
    ]
    if results and results.exists():
        rows += findings(json.loads(results.read_text(encoding="utf-8")))
    cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>\n" for name, text in rows)
    return f"<header><h1>{html.escape(title)}</h1>\n<table>{cells}</table></header>\n"


def contents(names, headings):
    entries = []
    for name in names:
        own = [(level, slug, words) for where, level, slug, words in headings if where == name]
        title = next((words for level, _, words in own if level == 1), name)
        inner = "".join(f'<li><a href="#{slug}">{words}</a></li>' for level, slug, words in own if level == 2)
        entries.append(f'<li><a href="#{name}">{title}</a><ul>{inner}</ul></li>\n')
    return f'<nav aria-label="Contents"><h2>Contents</h2><ul>{"".join(entries)}</ul></nav>\n'


def whole(title, content):
    style = STYLE + HtmlFormatter(style="friendly").get_style_defs("pre")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>\n<body>\n{content}</body></html>\n'
    )


def sections(notebooks, page):
    """(name, section) of each notebook, and the headings; `page` is how a link names another one."""
    renderer = Renderer(notebooks.keys(), page)
    markdown = mistune.create_markdown(renderer=renderer, plugins=["math", "table", "strikethrough"])
    made = []
    for name, notebook in notebooks.items():
        renderer.name = name
        made.append((name, f'<section id="{name}">\n{body(name, notebook, markdown)}</section>\n'))
    return made, renderer.headings


def write(page, text):
    page.parent.mkdir(parents=True, exist_ok=True)
    temporary = page.with_name(f".{page.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, page)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("--each", type=pathlib.Path)
    parser.add_argument("title")
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("notebooks", type=pathlib.Path, nargs="+")
    wanted = parser.parse_args()
    notebooks = {path.stem: nbformat.read(path, as_version=4) for path in wanted.notebooks}
    made, headings = sections(notebooks, "#{}")
    joined = cover(wanted.title, notebooks, wanted.results) + contents(notebooks, headings) + "".join(section for _, section in made)
    write(wanted.page, whole(wanted.title, joined))
    for name, section in sections(notebooks, "{}.html")[0] if wanted.each else ():
        write(wanted.each / f"{name}.html", whole(name, f'<p><a href="../index.html">Contents</a></p>{section}'))


main()
