"""Executes one Rust notebook: run_notebook.py NOTEBOOK EXECUTED_COPY

Cell output is streamed as it comes. The kernel reports a panic, and an `Err` from `?`, as successful cells that wrote to
stderr, sometimes after their reply; so any text on stderr fails the run here. The executed copy is written in both cases.
stdin is a leash: when it ends, because the program at the other end asks for it or is gone, the kernel and this process end.
"""
import argparse
import os
import pathlib
import queue
import re
import signal
import sys
import threading
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError


class Runner(NotebookClient):
    async def async_start_new_kernel(self, **kwargs):
        await super().async_start_new_kernel(**kwargs)
        threading.Thread(target=self.end_with_stdin, args=(self.km.provisioner.pid,), daemon=True).start()

    @staticmethod
    def end_with_stdin(kernel):
        while os.read(0, 1024):
            pass
        try:
            os.killpg(kernel, signal.SIGKILL)  # Jupyter gives a kernel a process group of its own
        except (ProcessLookupError, PermissionError):
            pass
        os._exit(1)

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] == "stream":
            for line in msg["content"]["text"].splitlines():
                print("    " + line, flush=True)
        return super().process_message(msg, cell, cell_index)


def stderr_of(cell):
    return "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr")


def show_figures_as_wide_as_text(notebook):
    """A figure has as many pixels as print needs; on a page it is as wide as a column of text."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.metadata["image/png"] = {"width": 650}


def show_paths_from_project_root(notebook):
    """Executed notebooks are committed: they should not tell where the project lay on one machine."""
    root = os.getcwd() + os.sep
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = output.text.replace(root, "")
            for mime, content in output.get("data", {}).items():
                if isinstance(content, str) and root in content:
                    output.data[mime] = content.replace(root, "")


PROGRESS = re.compile(r"^\S+ \[[█·]+\] \d+/\d+ .*\n|^\S+: \S+ tokens/s, about .* to go\n", re.MULTILINE)


def leave_out_progress(notebook):
    """What only mattered while it was running: bars and estimates of trainings."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = PROGRESS.sub("", output.text)


def execute(source, target):
    notebook = nbformat.read(source, as_version=4)
    started = {}

    async def after_cell(cell, cell_index, execute_reply):
        seconds = time.time() - started[cell_index]
        first = next((line for line in cell.source.splitlines() if line.strip() and not line.startswith("//")), "")
        print(f"  [{cell_index:>2}] {seconds:6.1f} s  {first[:90]}", flush=True)
        late = ""
        while True:
            try:
                message = await client.kc.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                break
            if message["msg_type"] == "stream" and message["content"]["name"] == "stderr":
                late += message["content"]["text"]
        error = (stderr_of(cell) + late).strip()
        if error:
            raise RuntimeError(f"cell {cell_index} failed:\n{error}\n--- the cell:\n{cell.source}")

    client = Runner(
        notebook,
        timeout=None,
        startup_timeout=1800,
        kernel_name="music-scaling",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(source.parent)}},
        on_cell_start=lambda cell, cell_index: started.__setitem__(cell_index, time.time()),
        on_cell_executed=after_cell,
    )
    problem = None
    try:
        client.execute()
    except (CellExecutionError, DeadKernelError, RuntimeError) as error:
        problem = f"{error}\n{getattr(error, 'evalue', '')}".rstrip()  # a compile error has no traceback
    show_paths_from_project_root(notebook)
    leave_out_progress(notebook)
    show_figures_as_wide_as_text(notebook)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    nbformat.write(notebook, temporary)
    # A failed run must not replace a good notebook: it is kept beside it, for reading.
    os.replace(temporary, target.with_suffix(".failed.ipynb") if problem else target)
    return problem


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("notebook", type=pathlib.Path)
    parser.add_argument("executed_copy", type=pathlib.Path)
    arguments = parser.parse_args()
    problem = execute(arguments.notebook.resolve(), arguments.executed_copy.resolve())
    if problem:
        print(problem, flush=True)
        sys.exit(1)
