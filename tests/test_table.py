"""Tables as people have them: read with the right numbers, to the last digit, or refused in one line that is right.

Each kind is a function that writes the same forty rows, or nearly, to a file. What comes back is compared with the array that was written."""
import csv, io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest, scipy.io
from invnb.use.columns import numbers, pick_columns, without_bad_rows
from invnb.use.table import read_table, read_tables

NAMES = ["pressure", "temperature", "yield"]


def values(rows=40):
    "Numbers of all sizes, some of them whole"
    r = np.random.default_rng(1)
    found = np.stack([r.uniform(1, 9, rows), r.uniform(100, 3000, rows).round(1), r.normal(size=rows) * 10.**r.integers(-9, 9, rows)], 1)
    found[::5, 0] = found[::5, 0].round()
    return found


def frame(): return pd.DataFrame(values(), columns=NAMES)
def text(**options): return frame().to_csv(index=False, **options)
def rows(template, cells=str): return [template.format(*map(cells, row)) for row in values().tolist()]
def german(value): return f"{value:,.12f}".translate(str.maketrans(",.", ".,"))


def excel(**options):
    content = io.BytesIO()
    options.pop("frame", frame()).to_excel(content, **options)
    return content.getvalue()


def saved(save, *args, **options):
    content = io.BytesIO()
    save(content, *args, **options)
    return content.getvalue()


KINDS = {     # name -> name of the file, its content, what is said of it
    "commas": ("a.csv", text(), "read with commas; 40 rows, 3 columns"),
    "semicolons and decimal commas": ("a.csv", text(sep=";", decimal=","), "read with semicolons and decimal commas; 40 rows, 3 columns"),
    "semicolons and decimal points": ("a.csv", text(sep=";"), "read with semicolons; "),
    "tabs": ("a.txt", text(sep="\t"), "read with tabs; "),
    "tabs and decimal commas": ("a.tsv", text(sep="\t", decimal=","), "read with tabs and decimal commas"),
    "spaces, aligned": ("a.dat", "\n".join(["  pressure  temperature   yield", *rows(" {:>22}   {:>10} {:>26}")]), "read with spaces"),
    "names in spaces above tabs": ("a.dat", "\n".join(["pressure   temperature    yield", *rows("{}\t{}\t{}")]), "read with tabs"),
    "a line of units": ("a.csv", text().replace("\n", "\nbar,°C,%\n", 1), "units (bar, °C, %)"),
    "units in brackets and decimal commas": ("a.csv", text(sep=";", decimal=",").replace("\n", "\n[bar];[°C];[%]\n", 1), "units ([bar], [°C], [%])"),
    "comments": ("a.csv", "# exported 2026-03-02\n# batch 7\n" + text(), "2 comments"),
    "comments between and below": ("a.csv", "% one\n" + text().replace("\n", "\n// two\n", 1) + "! three\n", "3 comments"),
    "a title": ("a.csv", "Versuch 7\n\n" + text(), "line 1 left out as a title"),
    "a title in cells": ("a.csv", "Versuch 7,,\n" + text(), "1 line of title"),
    "names in a comment": ("a.txt", saved(lambda f: np.savetxt(f, values(), header="pressure temperature yield", fmt=["%.17g", "%.1f", "%.17g"])), "read with spaces"),
    "Excel's first line": ("a.csv", "sep=;\r\n" + text(sep=";", decimal=",", lineterminator="\r\n"), "semicolons and decimal commas"),
    "an index column": ("a.csv", frame().to_csv(), "40 rows, 4 columns; a column without a name"),
    "R": ("a.txt", '"pressure" "temperature" "yield"\n' + "\n".join(f'"{i}" {line}' for i, line in enumerate(rows("{} {} {}"), 1)), "read with spaces; 40 rows, 4 columns"),
    "a text column": ("a.csv", frame().assign(material=["tin", "zinc"]*20, note="a, b; c").to_csv(index=False), "text in material, note"),
    "separators at the ends": ("a.csv", text().replace("\n", ",\n"), "40 rows, 3 columns"),
    "separators at the ends of rows": ("a.csv", text().replace("\n", ",\n").replace("yield,", "yield", 1), "40 rows, 3 columns"),
    "blank lines, Windows line ends": ("a.csv", text(lineterminator="\r\n").replace("\r\n", "\r\n\r\n") + ",,\r\n;;\r\n", "40 rows"),
    "line ends of old": ("a.csv", text(lineterminator="\r"), "40 rows, 3 columns"),
    "quoted numbers": ("a.csv", text(quoting=csv.QUOTE_ALL), "40 rows, 3 columns"),
    "quoted numbers, tabs and decimal commas": ("a.csv", text(quoting=csv.QUOTE_ALL, sep="\t", decimal=","), "tabs and decimal commas"),
    "spaces behind commas": ("a.csv", text().replace(",", ", "), "read with commas"),
    "Fortran": ("a.dat", "\n".join([" pressure temperature yield", *rows(" {} {} {}", lambda v: f"{v:.17E}".replace("E", "D"))]), "read with spaces"),
    "a byte order mark": ("a.csv", text().encode("utf-8-sig"), "read with commas; 40 rows"),
    "UTF-16": ("a.txt", text(sep="\t").encode("utf-16"), "as UTF-16"),
    "UTF-16 of the other order": ("a.txt", b"\xfe\xff" + text(sep="\t").encode("utf-16-be"), "as UTF-16"),
    "latin-1": ("a.csv", text().replace("\n", "\nbar,°C,%\n", 1).encode("latin-1"), "as Windows-1252"),
    "a workbook": ("a.xlsx", excel(index=False), "read from the sheet 'Sheet1'; 40 rows, 3 columns"),
    "a workbook with an index, below a gap": ("a.xlsx", excel(startrow=3, startcol=1, sheet_name="Lauf 7"), "from the sheet 'Lauf 7'"),
    "a workbook with units and texts": ("a.xlsx", excel(index=False, frame=pd.concat([pd.DataFrame([["bar", "°C", "%"]], columns=NAMES), frame()]).assign(who="me")), "units (bar, °C, %, me)"),
    "a workbook of numbers as texts": ("a.xlsx", excel(index=False, frame=frame().map(lambda v: str(v).replace(".", ","))), "from the sheet"),
    "Parquet": ("a.parquet", saved(frame().assign(material="tin").to_parquet), "read as Parquet; 40 rows, 4 columns; text in material"),
    "Parquet with an index of its own": ("a.parquet", saved(frame().rename_axis("id").to_parquet), "40 rows, 4 columns"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_read(kind, tmp_path):
    name, content, says = KINDS[kind]
    if name.endswith(".xlsx"): pytest.importorskip("openpyxl")
    if name.endswith(".parquet"): pytest.importorskip("pyarrow")
    path = tmp_path/name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = read_table(path)
    assert says in table.said() and "\n" not in table.said(), table.said()
    found = numbers(table, pick_columns("--x", ",".join(NAMES), table))
    exact = not name.endswith(".xlsx")                            # where openpyxl writes sixteen digits
    assert found.dtypes.eq("float64").all() and np.allclose(found, values(), rtol=0 if exact else 1e-15, atol=0)
    if name.endswith((".csv", ".txt", ".dat", ".tsv")):          # the line of each row is the one that an editor shows
        if isinstance(content, bytes): content = content.decode("latin-1" if says == "as Windows-1252" else "utf-16" if "16" in says else "utf-8-sig")
        lines = content.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line, value in zip(found.index, values()[:, 1].tolist()): assert str(value).replace(".", ",") in lines[line - 1] or str(value) in lines[line - 1] or "D" in lines[line - 1]


def test_thousands(tmp_path):
    "1.234,5 shows what its point means; 1 234.5 needs no showing"
    path = tmp_path/"a.csv"
    path.write_text("\n".join([";".join(NAMES), *rows("{};{};{}", german)]))
    table = read_table(path)
    assert "semicolons and decimal commas and points in thousands" in table.said()
    assert np.allclose(numbers(table, NAMES), values(), rtol=0, atol=1e-12)
    for separator in (" ", "\u202f", "’"):
        path.write_text("\n".join([",".join(NAMES), *rows("{},{},{}", lambda v: f"{v:,.12f}".replace(",", separator))]), encoding="utf-8")
        assert np.allclose(numbers(read_table(path), NAMES), values(), rtol=0, atol=1e-12)
    path.write_text("\n".join([",".join(NAMES), *rows('"{}","{}","{}"', lambda v: f"{v:,.12f}")]))
    assert np.allclose(numbers(read_table(path), NAMES), values(), rtol=0, atol=1e-12)


NAMELESS = {
    "spaces": ("a.data", "\n".join(rows("  {}   {}\t{} "))),
    "commas": ("a.csv", text(header=False)),
    "semicolons and decimal commas": ("a.csv", text(header=False, sep=";", decimal=",")),
    "an array": ("a.npy", saved(np.save, values())),
    "an array of the other byte order": ("a.npy", saved(np.save, values().astype(">f8"))),
}


@pytest.mark.parametrize("kind", NAMELESS)
def test_without_names(kind, tmp_path):
    name, content = NAMELESS[kind]
    path = tmp_path/name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = read_table(path)
    assert table.names == ["1", "2", "3"] and "no names, so called 1 to 3" in table.said()
    assert np.array_equal(numbers(table, pick_columns("--x", "1:3", table)), values()) and table.frame.index[0] == 1
    with pytest.raises(ValueError, match="--x: expected the name of a column, got 'h1'; the columns are 1, 2, 3; is the line of names missing?"): pick_columns("--x", "h1", table)


def test_names_that_are_numbers(tmp_path):
    "Wavelengths, and the columns of an array as pandas writes them"
    path = tmp_path/"a.csv"
    path.write_text(frame().set_axis(["400", "500", "600"], axis=1).to_csv(index=False))
    assert read_table(path, {"400", "600"}).names == ["400", "500", "600"]
    assert len(read_table(path).frame) == 41
    path.write_text(pd.DataFrame(values()).to_csv(index=False))
    assert read_table(path).names == ["0", "1", "2"] and np.array_equal(read_table(path).frame, values())
    path.write_text(pd.DataFrame(values()).to_csv())
    assert read_table(path).names == ["", "0", "1", "2"] and len(read_table(path).frame) == 40


@pytest.mark.parametrize("kind", ["npz", "mat", "mat 4", "npy and npy", "npy and csv", "csv and csv"])
def test_designs_and_measurements(kind, tmp_path):
    "Arrays in one file, or two files without names"
    x, y = values()[:, :2], values()[:, 2:]
    files = {"npz": ["a.npz"], "mat": ["a.mat"], "mat 4": ["a.mat"]}.get(kind) or [f"{part}.{ending}" for part, ending in zip("xy", kind.split(" and "))]
    paths = [tmp_path/name for name in files]
    if kind == "npz": np.savez(paths[0], x=x, y=y[:, 0], seed=3, wavelength=np.arange(7.))
    elif "mat" in kind: scipy.io.savemat(paths[0], dict(x=x, y=y.T, wavelength=np.arange(7.), seed=3), format=kind[-1] if "4" in kind else "5")
    for path, part in zip(paths, (x, y)) if len(paths) > 1 else ():
        if path.suffix == ".npy": np.save(path, part)
        else: pd.DataFrame(part).to_csv(path, header=False, index=False)
    table = read_tables(paths)
    assert pick_columns("--x", None, table) == ["x1", "x2"] and pick_columns("--y", "y", table) == ["y"]
    assert np.array_equal(numbers(table, ["x1", "x2", "y"]), values())
    assert ("left alone: " in table.said()) == (len(paths) == 1)


def spoiled():
    "91 rows of 120 with 92 cells that are no numbers"
    found = pd.DataFrame(values(120), columns=NAMES).astype(object)
    for i in range(91): found.iloc[i + 3, 1] = "1 year"
    found.iloc[3, 2] = ""
    return found


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_bad_cells(name, tmp_path):
    path = tmp_path/name
    if name == "a.csv": spoiled().to_csv(path, index=False)
    else: pytest.importorskip("openpyxl"); spoiled().to_excel(path, index=False)
    table, word = read_table(path), "row" if name == "a.xlsx" else "line"
    says = f"92 bad cells in 91 of 120 rows ({word} 5, column 'temperature': '1 year'; {word} 5, column 'yield': an empty cell; {word} 6, column 'temperature': '1 year'; ...)"
    with pytest.raises(ValueError) as refused: numbers(table, NAMES)
    assert str(refused.value) == f"{path}: expected numbers, got {says}; correct them"
    left = without_bad_rows(table, NAMES)
    assert left.said().endswith(f"left out: {says}") and np.allclose(numbers(left, NAMES), np.delete(values(120), range(3, 94), 0), rtol=1e-15, atol=0)
    assert np.allclose(numbers(table, ["pressure"]), values(120)[:, :1], rtol=1e-15, atol=0)      # nobody asked for the others


REFUSED = {     # name of the file, its content -> what the line must say
    "one comma": ("a.csv", "1,25\n2,31\n0,5\n", "expected one way to read it, got two: '1,25' may be one number or two with a comma between; add a line of names"),
    "thousands or fractions": ("a.csv", "a;b\n" + "1,234;2\n5,678;3\n"*9, "line 2, column 'a': expected one reading, got '1,234', which may be 1234 or 1.234; write one of them"),
    "decimal commas between commas": ("a.csv", "a,b,c\n" + "0,5,1,5,2,5\n"*9, "line 1: expected 6 names, one a cell below, got 3; a decimal comma makes two cells of one number, write points"),
    "one decimal comma a row": ("a.csv", "a,b,c\n" + "0,5,1,2\n"*9, "line 1: expected 4 names, one a cell below, got 3; a decimal comma makes two cells of one number"),
    "a decimal comma once": ("a.csv", text() + "1,5,2,3\n", "line 42: expected 3 cells, one a column, got 4; a decimal comma makes two cells of one number, write a point"),
    "names with spaces": ("a.dat", "pressure (bar) temperature yield\n" + "\n".join(rows("{} {} {}")), "line 1: expected 3 names, one a cell below, got 4; write one name a column, or mark the line with #"),
    "text": ("a.csv", text().replace("yield", "material").replace("\n", "tin\n").replace("materialtin", "material"), "column 'material': expected numbers, got text"),
    "a column twice": ("a.csv", "a,a\n1,2\n", "expected each column once, got 'a' 2 times; rename one"),
    "a quotation mark": ("a.csv", 'a,b\n1,"2\n' + "3,4\n"*200, "line 2: expected a closing quotation mark, got none"),
    "nothing": ("a.csv", " \n", "expected numbers, got an empty file"),
    "comments only": ("a.csv", "# a\n# b\n", "expected rows of numbers, got only comments"),
    "UTF-16 without a mark": ("a.csv", text().encode("utf-16-le"), "expected text, got binary content"),
    "a workbook under another name": ("a.csv", excel(), "expected text, got a spreadsheet or zip file"),
    "an old workbook": ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "expected text, got an old Excel file; save it as .xlsx"),
    "an array under another name": ("a.csv", saved(np.save, values()), "expected text, got a NumPy file; give it the ending .npy"),
    "an array of objects": ("a.npy", saved(np.save, np.array([dict(a=1)]), allow_pickle=True), "allow_pickle=False"),
    "an array of three axes": ("a.npy", saved(np.save, np.zeros((3, 4, 5))), "expected a matrix of real numbers, got (3, 4, 5) of other kinds"),
    "complex numbers": ("a.npy", saved(np.save, values() + 1j), "expected a matrix of real numbers"),
    "arrays of other lengths": ("a.npz", saved(np.savez, a=values(), b=values(7)), "expected arrays with the same number of rows, got a (40, 3), b (7, 3); save the arrays x and y"),
    "MATLAB 7.3": ("a.mat", b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + b"\x89HDF\r\n\x1a\n", "expected a MATLAB file before 7.3, got HDF5; save it with -v7"),
    "no MATLAB file": ("a.mat", text(), "expected a MATLAB file, got something else or a damaged one"),
    "no workbook": ("a.xlsx", text(), "expected an Excel workbook, got something else or a damaged one"),
    "no Parquet": ("a.parquet", text(), "expected a Parquet file, got something else or a damaged one"),
    "an empty sheet": ("a.xlsx", excel(frame=pd.DataFrame(), index=False), "expected numbers in the sheet 'Sheet1', got no cells"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(kind, tmp_path):
    name, content, says = REFUSED[kind]
    path = tmp_path/name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError) as refused:
        table = read_table(path)
        numbers(table, table.names)
    line = str(refused.value)
    assert line.startswith(str(path)) and says in line and "\n" not in line and len(line) < 400 + len(str(path)), line


def test_a_large_table_takes_seconds(tmp_path):
    import time
    large = pd.DataFrame(np.random.default_rng(0).normal(size=(10_000, 308))).add_prefix("h")
    large.to_csv(tmp_path/"a.csv", index=False)
    start = time.process_time()
    found = numbers(read_table(tmp_path/"a.csv"), list(large))
    assert np.array_equal(found, large) and time.process_time() - start < 20
