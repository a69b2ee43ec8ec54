"""Checks a folder of pages: check_site.py FOLDER. Every link within it must lead somewhere, and no page may ask another host for anything.

Without a browser the pages' text is read; where Chromium is installed, it opens each page, too, and its log of requests is read.
"""
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

FETCHED = {"img": "src", "script": "src", "audio": "src", "video": "src", "source": "src", "iframe": "src", "embed": "src", "object": "data", "link": "href"}
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"]


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.fetched = {"", "top"}, [], []
        self.feed(text)
        self.fetched += re.findall(r"url\(\s*['\"]?(?!data:|#)([^'\")]+)", "".join(re.findall(r"<style.*?</style>", text, re.S)))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.update(found[key] for key in ("id", "name") if found.get(key))
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        elif address := found.get(FETCHED.get(tag, "")):
            self.fetched.append(address)


def read(root):
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(root.rglob("*.html"))}
    for path, page in pages.items():
        for address in page.links + page.fetched:
            parts = urllib.parse.urlsplit(address)
            if parts.scheme == "data" or parts.scheme in ("http", "https", "mailto") and address in page.links:
                continue
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            if parts.scheme or parts.netloc:
                yield f"{path}: asks {address}"
            elif not target.is_file() or root not in target.parents:
                yield f"{path}: {address} leads nowhere"
            elif target in pages and urllib.parse.unquote(parts.fragment) not in pages[target].ids:
                yield f"{path}: {address} leads to no place of its page"


def browse(browser, root):
    for path in sorted(root.rglob("*.html")):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "log.json"
            subprocess.run(
                [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
                 "--no-first-run", f"--user-data-dir={folder}/profile", "--host-resolver-rules=MAP * ~NOTFOUND", f"--log-net-log={log}",
                 "--virtual-time-budget=3000", "--dump-dom", path.as_uri()],
                check=True, timeout=120, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            text = log.read_text(encoding="utf-8")
        # What has no page as its origin, the browser asks of its own accord.
        asked = [event.get("params", {}) for event in json.loads(text)["events"]]
        asked = {one["url"] for one in asked if one.get("initiator", "not an origin") != "not an origin" and re.match(r"(https?|wss?):", one.get("url", ""))}
        yield from (f"{path}: Chromium saw a request for {address}" for address in sorted(asked))


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    faults = list(read(root))
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser:
        faults += browse(browser, root)
    else:
        print("no Chromium is installed: the pages' text was checked, no page was opened")
    if faults:
        sys.exit("\n".join(faults))
    n = len(list(root.rglob("*.html")))
    print(f"{n} pages: every link leads somewhere, no page asks another host for anything" + (", as Chromium saw" if browser else ""))


main()
