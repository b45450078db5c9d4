"""The explorer as a page, in a real browser: what a hand does with it, at the width of a desk and of a phone.

Without Voilà or a browser these tests are skipped."""
import base64
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pandas as pd
import pytest
from conftest import ROOT

BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'))), None)
MISSING = [name for name in ('voila', 'playwright') if not importlib.util.find_spec(name)] + ['chromium or google-chrome'] * (not BROWSER)
FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
         '--disable-sync', '--disable-dev-shm-usage']
LONG = 240  # s: a limit for a slow and busy machine, not a wait
PHONE = dict(width=390, height=844)

OWN = """
import torch
from invnb.all import *
from invnb.use.explore import explore
def simulate(x): return torch.cat([x[:, :1] + x[:, 1:], x[:, :1] * x[:, 1:]], 1)
plate = Task("plate", simulate, [[0, 0], [1, 1]], x_names=("width (mm)", "height (mm)"), x_offset=[100, 0], x_scale=[50, 10], y_names=("sum", "product"))
x = torch.rand(200, 3)
table = Data(x, x[:, :1] * torch.linspace(0, 3, 20).sin())
display(explore(plate, rows=300), explore(data=table))
"""


@contextmanager
def served(what, tmp_path):
    "The address of the pages under `what`, served by Voilà on a free port, and Voilà's log"
    log, home = tmp_path/'voila.log', tmp_path/'home'  # the settings of whoever runs the test do not count
    with log.open('w') as out:
        server = subprocess.Popen([sys.executable, '-m', 'voila', str(what), '--no-browser', '--port=8900', '--Voila.port_retries=100', '--Voila.ip=127.0.0.1'], cwd=ROOT,
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


@contextmanager
def opened(address, **options):
    "A page in Chromium; `page.complaints` lists console errors and uncaught exceptions"
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page(**options)
        page.set_default_timeout(1000*LONG)
        page.complaints = []
        page.on('console', lambda message: page.complaints.append(f'{message.text} ({message.location})') if message.type == 'error' else None)
        page.on('pageerror', lambda error: page.complaints.append(f'uncaught: {error}'))
        page.route(lambda url: not url.startswith((address, 'blob:', 'data:')), lambda route: route.fulfill(status=200, body=''))  # no network: a font or MathJax from elsewhere is empty
        page.goto(address)
        yield page
        browser.close()


SHOWN = """before => {
    const images = [...document.querySelectorAll('.pictures img')], shown = images.map(image => image.src).join()
    const busy = document.querySelector('[data-kind=working]')
    if (document.body.innerText.includes('There was an error when executing')) return 'a cell failed'
    return images.length && images.every(image => image.complete && image.naturalWidth > 800) && !busy && shown != before && shown
}"""


def shown(page, before=''):
    "The pictures as data addresses, once they are others than `before` and nothing is under way"
    from playwright.sync_api import TimeoutError
    try: found = page.wait_for_function(SHOWN, arg=before).json_value()
    except TimeoutError: found = f'no new picture in {LONG} s'
    if not found.startswith('data:'): pytest.fail(f'{found}; {page.complaints}; the page says:\n{page.inner_text("body")}', pytrace=False)
    return found


def note(page):
    "What the page says about the last question once it is answered, or None"
    found = page.wait_for_function("() => !document.querySelector('[data-kind=working]') && (document.querySelector('[role=status]')?.innerText || 'none')").json_value()
    return None if found == 'none' else found


def fits(page):
    "Nothing can be scrolled sideways: neither the page nor the part of it that Voilà scrolls"
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth && [...document.querySelectorAll('.explorer, .explorer *')].every(e => e.getBoundingClientRect().right <= window.innerWidth)")


def candidates(page):
    "The table behind the link, as pandas reads it"
    address = page.get_by_role('link', name='Save the candidates').get_attribute('href')
    return pd.read_csv(pd.io.common.BytesIO(base64.b64decode(address.removeprefix('data:text/csv;base64,'))))


def upload(page, text):
    with page.expect_file_chooser() as chooser: page.get_by_role('button', name='Your own file').click()
    chooser.value.set_files(dict(name='wanted.csv', mimeType='text/csv', buffer=text.encode()))


def choose(page, name, option): page.locator('.widget-vbox', has_text=re.compile(f'^{name}')).get_by_role('combobox').first.select_option(option)


pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


def test_page(tmp_path):
    "One session, from the first picture to a phone in the hand"
    with served('nbs/use/03_explore.ipynb', tmp_path) as (address, log), opened(address, viewport=dict(width=1400, height=900)) as page:
        seen = shown(page)
        assert seen.startswith('data:image/png;base64,') and page.locator('.pictures img').count() == 3
        assert page.locator('pre:visible').count() == 0, 'code is shown'
        assert page.get_by_role('link', name='How it works').get_attribute('href').endswith('/methods/neural_adjoint.html#neuraladjoint')

        # a slider, by the keyboard
        readout = page.locator('.widget-readout').first
        value = readout.inner_text()
        page.get_by_role('slider').first.focus()
        page.keyboard.press('ArrowLeft')
        seen = shown(page, seen)
        assert readout.inner_text() != value

        # chance, a file, a file that is wrong
        page.get_by_role('button', name='Random target').click()
        seen = shown(page, seen)
        upload(page, 'height\n0.5\n')
        seen = shown(page, seen)
        assert readout.inner_text() == '0.50' and note(page) is None
        upload(page, 'height\n0.1,0.2,0.3\n')
        page.locator('[data-kind=error]').wait_for()
        assert 'expected 1 number, got 1 rows of 3' in note(page)

        # two methods, and what they found as a file
        choose(page, 'compared with', 'random_search')
        seen = shown(page, seen)
        assert page.locator('.pictures img').count() == 4 and page.locator('.answers').inner_text().count('the best of 12') == 2
        table = candidates(page)
        assert list(table) == ['method', 'candidate', 'x1', 'x2', 'error', 'predicted_error'] and set(table.method) == {'neural_adjoint', 'random_search'}
        assert len(table) == 24 and table.error.min() >= 1e-13
        choose(page, 'compared with', 'nothing')
        seen = shown(page, seen)

        # a curve: units, a band, one that contradicts, none, and two columns of a file
        choose(page, 'task', 'stack')
        seen = shown(page, seen)
        assert re.search(r'\d nm', page.locator('.answers table').inner_text())
        page.get_by_role('button', name='Draw this band').click()
        seen = shown(page, seen)
        assert note(page) is None and 'of 12 grant the wish' in page.locator('.answers').inner_text()
        assert re.search(r'wanted: at least [\d.]+ from \d+ to \d+ nm; anything elsewhere', page.locator('.controls').inner_text())
        choose(page, 'what is wanted there', 'at most')
        page.locator('.widget-vbox', has_text=re.compile('^what is wanted there')).get_by_role('slider').focus()
        page.keyboard.press('Home')
        page.get_by_role('button', name='Draw this band').click()
        page.locator('[data-kind=error]').wait_for()
        assert re.match(r'band: expected one that agrees with those that are drawn, got at most .* but at \d+(\.\d+)?, at least [\d.]+ is wanted', note(page))
        page.get_by_role('button', name='Clear the bands').click()
        seen = shown(page, seen)
        assert note(page) is None and 'wanted: the whole curve' in page.locator('.controls').inner_text()

        # an input that is held
        page.get_by_text('hold inputs').click()
        page.get_by_role('spinbutton').first.fill('20')
        page.get_by_role('checkbox', name='film 1').check()
        seen = shown(page, seen)
        assert set(candidates(page)['film 1 from the glass (nm)']) == {20} and page.get_by_text('hold inputs: 1 of 5').count() == 1
        upload(page, 'wavelength,absorptance\n300,0.9\n600,0.2\n')
        seen = shown(page, seen)
        assert fits(page), 'wider than the window'

        # on a phone
        page.set_viewport_size(PHONE)
        page.wait_for_function("() => document.querySelector('.answers').getBoundingClientRect().top >= document.querySelector('.controls').getBoundingClientRect().bottom - 1")
        assert fits(page), 'wider than a phone'
        widths = page.evaluate("[...document.querySelectorAll('.pictures img')].map(image => image.getBoundingClientRect().width)")
        assert min(widths) > 340, widths
        assert 'Traceback' not in page.content() and 'Traceback' not in log.read_text()
        assert not page.complaints, page.complaints


def test_own_problems(tmp_path):
    "A task and a table of the user, in a notebook of his own that is opened on a phone"
    cell = dict(cell_type='code', id='own', source=OWN, metadata={}, outputs=[], execution_count=None)
    kernel = dict(name='python3', display_name='python3', language='python')
    (tmp_path/'own.ipynb').write_text(json.dumps(dict(cells=[cell], metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)))
    with served(tmp_path/'own.ipynb', tmp_path) as (address, log), opened(address, viewport=PHONE, is_mobile=True, has_touch=True) as page:
        seen = shown(page)
        assert page.locator('.pictures img').count() == 6 and fits(page), 'wider than a phone'
        task, table = page.locator('.explorer').all()
        assert task.get_by_role('combobox').count() == 4, 'method, comparison, and what each number means: no choice of tasks'
        assert 'simulated error' in task.inner_text() and re.search(r'width\s+1\d\d(\.\d+)? mm', task.locator('table').inner_text())
        found = candidates(task)
        assert found['width (mm)'].between(100, 150).all() and set(found) > {'error', 'predicted_error'}
        task.locator('.widget-vbox', has_text=re.compile('^target: sum')).get_by_role('combobox').first.select_option('at most')
        seen = shown(page, seen)
        assert page.locator('.pictures img').count() == 7, 'what is wanted of two numbers is a picture of its own'
        task.get_by_text('hold inputs').click()
        task.get_by_role('checkbox', name='width (mm)').check()
        seen = shown(page, seen)
        assert set(candidates(task)['width (mm)']) == {125} and fits(page), 'wider than a phone'

        assert 'predicted error' in table.inner_text() and 'Nothing was simulated' in table.inner_text()
        offered = table.get_by_role('combobox').first.locator('option').all_inner_texts()
        assert 'neural_adjoint' in offered and not {'closed_loop', 'direct_search'} & set(offered)
        assert list(candidates(table)) == ['method', 'candidate', 'x1', 'x2', 'x3', 'predicted_error']
        table.get_by_role('button', name='Draw this band').click()
        seen = shown(page, seen)
        assert 'are predicted to grant the wish' in table.inner_text()
        table.get_by_role('button', name='Random target').click()
        shown(page, seen)
        assert 'wanted: the whole curve' in table.inner_text()
        assert fits(page) and not page.complaints, page.complaints
        assert 'Traceback' not in log.read_text()
