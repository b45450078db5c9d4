"""The records in `results/` say by which code they were computed; whoever changes that code sees it here."""
from pathlib import Path

import pytest

from invnb.bench.cells import code_of_total
from invnb.bench.store import code_now, read_records

FOLDERS = sorted(path for path in (Path(__file__).parent.parent / "results").iterdir() if any(path.glob("*.safetensors")))


@pytest.mark.filterwarnings("ignore:.* are stale")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_records_are_not_stale(folder):
    "each was computed by the code that there is; if not, invnb_bench computes it again (see `confirm` for a change of style)"
    records = read_records(folder)
    assert records and all(record.code for record in records)
    assert [record.name for record in records if record.stale] == []


def test_totals_are_not_stale():
    "those of the benchmark that counts the whole time have a code of their own, see `confirm_total`"
    records = read_records(Path(__file__).parent.parent / "results" / "total")
    assert records and [record.name for record in records if record.code != code_of_total(record.spec)] == []


def test_the_package_knows_its_code():
    "a record of a task and a method of the package can always be compared"
    assert len(code_now("sine_wave", '{"class": "RandomSearch"}')) == 16
