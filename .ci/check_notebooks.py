"""Executed notebooks are in order: check_notebooks.py NOTEBOOK...

Every code cell was run, from top to bottom in a fresh kernel, and none holds an error. What a reader sees is meant for a reader: no
result is `()`, a dump of Rust's Debug or longer than a screen, nothing names a folder of the machine that ran it, and no line of code is
cut off at the page's edge.
"""
import json
import re
import sys

LONGEST_LINE = 100  # characters of code that fit on a page
LONGEST_TEXT = 300  # characters of one text/plain result
DEBUG_DUMP = re.compile(r"^(Ok\(|Err\(|Some\(|\[?[A-Z]\w+(<.*>)? ?[({] ?\w*:? ?)")
MACHINE_PATH = re.compile(r"(?<![\w./:~-])/(work|home|root|tmp|Users|private|var/folders)/[\w.-]+")


def text_of(content):
    return "".join(content) if isinstance(content, list) else content


def problems_of_output(output):
    if output["output_type"] == "error" or output.get("name") == "stderr":
        yield "holds an error"
        return
    texts = {"stream": text_of(output.get("text", ""))}
    texts |= {mime: text_of(content) for mime, content in output.get("data", {}).items() if isinstance(content, (str, list))}
    plain = texts.get("text/plain", "").strip()
    if len(plain) > LONGEST_TEXT:
        yield f"shows {len(plain)} characters of plain text: {plain[:60]}…"
    elif plain == "()":
        yield "shows (): end it with a semicolon"
    elif DEBUG_DUMP.match(plain):
        yield f"shows a Debug dump: {plain[:60]}"
    for text in texts.values():
        if found := MACHINE_PATH.search(text):
            yield f"names a folder of one machine: {found[0]}"


def problems_of(path):
    with open(path, encoding="utf-8") as file:
        cells = [cell for cell in json.load(file)["cells"] if cell["cell_type"] == "code"]
    counts = [cell["execution_count"] for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        yield f"not executed in order from a fresh kernel: {counts}"
    for number, cell in enumerate(cells, 1):
        for line in text_of(cell["source"]).splitlines():
            if len(line) > LONGEST_LINE:
                yield f"code cell {number} has a line of {len(line)} characters, over {LONGEST_LINE}: {line.strip()[:40]}…"
        for output in cell["outputs"]:
            for problem in problems_of_output(output):
                yield f"code cell {number} {problem}"


if __name__ == "__main__":
    problems = [f"{path}: {problem}" for path in sys.argv[1:] for problem in problems_of(path)]
    print("\n".join(problems) or f"{len(sys.argv) - 1} notebooks are in order")
    sys.exit(bool(problems) or len(sys.argv) == 1)
