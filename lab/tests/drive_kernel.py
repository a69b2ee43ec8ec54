"""Sends cells to a kernel and prints what it answers, one JSON line a cell: drive_kernel.py STEPS

STEPS is a JSON list of {"cell": source, "interrupt_at": text}: the kernel is interrupted once the cell has printed the text.
"""
import json
import queue
import sys

from jupyter_client.manager import start_new_kernel

manager, client = start_new_kernel(startup_timeout=600, kernel_name="music-scaling")
try:
    for step in json.loads(sys.argv[1]):
        request = client.execute(step["cell"])
        answer = {"printed": "", "result": "", "error": ""}
        waits_for = step.get("interrupt_at")
        is_idle = False
        while True:
            try:
                message = client.get_iopub_msg(timeout=1 if is_idle else 300)
            except queue.Empty:
                break  # what a failing `?` writes comes after the kernel's reply
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                answer["printed"] += content["text"]
            elif kind == "execute_result":
                answer["result"] += content["data"].get("text/plain", "")
            elif kind == "error":
                answer["error"] += content["evalue"] + "\n"
            elif kind == "status" and content["execution_state"] == "idle":
                is_idle = True
            if waits_for and waits_for in answer["printed"]:
                waits_for = None
                manager.interrupt_kernel()
        print(json.dumps(answer), flush=True)
finally:
    client.stop_channels()
    manager.shutdown_kernel()
