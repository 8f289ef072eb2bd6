"""Reads the report's files in a folder with other people's readers, and prints what they saw as JSON.

usage: read.py FOLDER SARIF-SCHEMA
"""

import csv
import datetime
import hashlib
import json
import pathlib
import sys

import jsonschema
import junitparser
import openpyxl


def sarif(path, schema):
    log = json.loads(path.read_bytes())
    validator = jsonschema.Draft4Validator(json.loads(schema.read_bytes()), format_checker=jsonschema.FormatChecker())
    errors = [f"{list(error.absolute_path)}: {error.message[:300]}" for error in validator.iter_errors(log)]
    return {"errors": errors, "run": log["runs"][0]}


def junit(path):
    suites = []
    for suite in junitparser.JUnitXml.fromfile(str(path)):
        cases = []
        for case in suite:
            kinds = [type(result).__name__ for result in case.result]
            cases.append({"name": case.name, "result": kinds, "out": case.system_out})
        counts = [suite.tests, suite.failures, suite.errors, suite.skipped]
        suites.append({"name": suite.name, "counts": counts, "cases": cases})
    return suites


def table(path):
    data = path.read_bytes()
    mark = data.startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig" if mark else "utf-8", newline="") as lines:
        rows = list(csv.reader(lines, strict=True))
    return {"mark": mark, "bare": data.replace(b"\r\n", b"").count(b"\n"), "header": rows[0], "rows": rows[1:]}


def shown(value):
    if isinstance(value, datetime.datetime):
        return value.isoformat() + "Z"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def workbook(path):
    book = openpyxl.load_workbook(path)
    sheets = {}
    for sheet in book:
        cells = [cell for row in sheet.iter_rows() for cell in row]
        rows = [[shown(cell.value) for cell in row] for row in sheet.iter_rows()]
        sheets[sheet.title] = {
            "frozen": sheet.freeze_panes,
            "filter": sheet.auto_filter.ref,
            "formulas": sum(cell.data_type == "f" for cell in cells),
            "links": sum(cell.hyperlink is not None for cell in cells),
            "dates": sum(cell.is_date and isinstance(cell.value, datetime.datetime) for cell in cells),
            "widths": sorted({sheet.column_dimensions[name].width for name in sheet.column_dimensions}),
            "quoted": [cell.value for cell in cells if cell.quotePrefix],
            "rows": rows,
        }
    return {"created": book.properties.created.isoformat(), "names": book.sheetnames, "sheets": sheets}


def drawn_again(book):
    """Draws the samples again, from what stands in the workbook alone; says for how many policies they are the same."""
    findings, samples = (book["sheets"][name]["rows"] for name in ("Findings", "Samples"))
    place = samples[0].index("fingerprint")
    of_policy = {}
    for row in findings[1:]:
        of_policy.setdefault(row[findings[0].index("policy")], []).append(row[findings[0].index("fingerprint")])
    same = {}
    for policy in {row[samples[0].index("policy")] for row in samples[1:]}:
        own = [row for row in samples[1:] if row[samples[0].index("policy")] == policy]
        seed, population = own[0][samples[0].index("seed")], own[0][samples[0].index("population")]
        fingerprints = of_policy[policy]
        fingerprints.sort(key=lambda one: hashlib.sha256(f"{seed}\n{one}".encode()).hexdigest())
        size = 25 if len(fingerprints) <= 250 else 40 if len(fingerprints) <= 1000 else 60
        same[policy] = int(population) == len(fingerprints) and [row[place] for row in own] == fingerprints[:size]
    return same


def main():
    folder, schema = map(pathlib.Path, sys.argv[1:])
    book = workbook(folder / "report.xlsx")
    result = {
        "sarif": sarif(folder / "report.sarif", schema),
        "junit": junit(folder / "report.junit.xml"),
        "findings": table(folder / "findings.csv"),
        "verdicts": table(folder / "verdicts.csv"),
        "workbook": book,
        "drawn_again": drawn_again(book),
    }
    json.dump(result, sys.stdout)


main()
