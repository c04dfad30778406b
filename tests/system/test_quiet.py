"""What libraries print is dropped while they read, and nothing else is, however many threads do it."""

import os
import threading

from isptune.system.quiet import silent_native_code


def test_stderr_is_back_after_threads_that_overlap(capfd):
    inside, out = threading.Barrier(2), threading.Event()

    def first():
        with silent_native_code():
            inside.wait()
            os.write(2, b"dropped\n")
        out.set()

    def second():
        with silent_native_code():
            inside.wait()
            out.wait()
            os.write(2, b"dropped too\n")

    threads = [threading.Thread(target=run) for run in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"seen\n")
    assert capfd.readouterr().err == "seen\n"
