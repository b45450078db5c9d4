"""The explorer as a page, in a real browser: it comes up, a slider moves the picture, and nothing complains.

Without Voilà or a browser the test is skipped."""
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'))), None)
MISSING = [name for name in ('voila', 'playwright') if not importlib.util.find_spec(name)] + ['chromium or google-chrome'] * (not BROWSER)
FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
         '--disable-sync', '--disable-dev-shm-usage']
LONG = 240  # s: a limit for a slow and busy machine, not a wait


@pytest.fixture
def voila(tmp_path):
    "The address of the page, served by Voilà on a free port, and Voilà's log"
    if MISSING: pytest.skip(f"not installed: {', '.join(MISSING)}")
    log, home = tmp_path/'voila.log', tmp_path/'home'  # the settings of whoever runs the test do not count
    with log.open('w') as out:
        server = subprocess.Popen([sys.executable, '-m', 'voila', 'nbs/explore.ipynb', '--no-browser', '--port=8900', '--Voila.port_retries=100', '--Voila.ip=127.0.0.1'], cwd=ROOT,
                                  env=os.environ | dict.fromkeys(('JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'IPYTHONDIR'), str(home)), stdout=out, stderr=out, start_new_session=True)
    try:
        deadline = time.time() + LONG
        while not (address := re.search(r'http://127\.0\.0\.1:\d+/', log.read_text())):  # it takes the next port that is free
            assert server.poll() is None and time.time() < deadline, f'Voilà does not serve:\n{log.read_text()}'
            time.sleep(.1)
        yield address[0], log
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):  # to the group: the kernel ends as well
            try:
                os.killpg(server.pid, sign)
                server.wait(20)
            except (ProcessLookupError, subprocess.TimeoutExpired): pass


@pytest.fixture
def page(voila):
    "A page in Chromium; `page.complaints` lists console errors and uncaught exceptions"
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page(viewport=dict(width=1280, height=800))
        page.set_default_timeout(1000*LONG)
        page.complaints = []
        page.on('console', lambda message: page.complaints.append(f'{message.text} ({message.location})') if message.type == 'error' else None)
        page.on('pageerror', lambda error: page.complaints.append(f'uncaught: {error}'))
        page.route(lambda url: not url.startswith((voila[0], 'blob:', 'data:')), lambda route: route.fulfill(status=200, body=''))  # no network: a font or MathJax from elsewhere is empty
        page.goto(voila[0])
        yield page
        browser.close()


SHOWN = """before => {
    const picture = document.querySelector('img[alt^=Candidates]')
    return picture && picture.complete && picture.naturalWidth > 1000 && picture.src != before && !document.querySelector('[role=status]') && picture.src
}"""


def picture(page, before=''):
    "The picture as a data address, once it is another one than `before` and nothing is under way"
    from playwright.sync_api import TimeoutError
    try: return page.wait_for_function(SHOWN, arg=before).json_value()
    except TimeoutError: pytest.fail(f'no new picture in {LONG} s; {page.complaints}; the page says:\n{page.inner_text("body")}', pytrace=False)


def test_page(page, voila):
    first = picture(page)
    assert first.startswith('data:image/png;base64,')
    assert page.locator('pre:visible').count() == 0, 'code is shown'
    readout = page.locator('.widget-readout').first
    value = readout.inner_text()
    page.get_by_role('slider').first.focus()
    page.keyboard.press('ArrowLeft')
    second = picture(page, first)
    assert readout.inner_text() != value
    page.get_by_role('combobox').first.select_option('ballistics')
    assert picture(page, second) != first
    assert page.evaluate('document.documentElement.scrollWidth <= window.innerWidth'), 'wider than the window'
    assert 'Traceback' not in page.content() and 'Traceback' not in voila[1].read_text()
    assert not page.complaints, page.complaints
