"""The committed notebooks must be executed from top to bottom and hold no error."""
import json
import sys

problems = []
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        cells = [cell for cell in json.load(file)["cells"] if cell["cell_type"] == "code"]
    counts = [cell["execution_count"] for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        problems.append(f"{path}: not executed in order from a fresh kernel: {counts}")
    for number, cell in enumerate(cells, 1):
        for output in cell["outputs"]:
            if output["output_type"] == "error" or output.get("name") == "stderr":
                problems.append(f"{path}: code cell {number} holds an error")
print("\n".join(problems) or f"{len(sys.argv) - 1} notebooks are in order")
sys.exit(bool(problems) or len(sys.argv) == 1)
