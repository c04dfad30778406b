"""The live page in a real browser: it follows a run, and outlives a restart of the server."""

import threading
from contextlib import contextmanager

import pytest
import uvicorn

from isptune.report.live.server import application
from isptune.study.site.guard import Hosts
from isptune.study.site.server import listen
from tests.report.folders import write_images, write_run
from tests.study.site.driven_page import green_on

TOKEN = "t" * 32


@contextmanager
def serving(root, port=0):
    listening = listen("127.0.0.1", port)
    server = uvicorn.Server(
        uvicorn.Config(application(root, TOKEN, Hosts()), log_level="error", lifespan="off")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@pytest.mark.slow
def test_the_page_follows_a_run_over_a_restart_of_the_server_and_axe_finds_nothing(tmp_path, window):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    run = tmp_path / "runs" / "mine"
    write_run(run, generations=3, finished=False)
    write_run(tmp_path / "runs" / "other", generations=2)
    live, made = run / "live", tmp_path / "made"
    live.mkdir()
    made.mkdir()
    write_images(made, ["astronaut"])
    for label, kind in (("start", "default"), ("best", "recommended")):
        (live / f"astronaut_{label}.png").write_bytes((made / f"astronaut_{kind}.png").read_bytes())
    with serving(tmp_path / "runs") as port:
        page = window(f"http://127.0.0.1:{port}/w/{TOKEN}#mine", viewport={"width": 390, "height": 844})
        page.wait_for_function("() => document.getElementById('count').textContent === '24 of 24'")
        page.wait_for_selector("#looking:not([hidden])")
        page.wait_for_function("() => document.querySelector('.curves') !== null")
        assert page.locator("#knobs tbody tr").count() == 3
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for _ in range(100):  # a busy machine draws it late
            if max(green_on(page)) > 0:
                break
            page.wait_for_timeout(100)
        assert max(green_on(page)) > 0
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:90]) for one in found] == []
    window.problems.clear()
    write_run(run, generations=4, finished=False)
    with serving(tmp_path / "runs", port):
        page.wait_for_function("() => document.getElementById('count').textContent.startsWith('56')")
        assert page.locator("#notice").is_hidden()
    window.problems.clear()
