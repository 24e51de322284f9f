#!/usr/bin/env python3
"""Looks into a result file of fftconv-ecp: PYTHONPATH=lib/python results_in_python.py FILE."""
import sys

import fftconv

with fftconv.open(sys.argv[1]) as result:
    print(result)
    table = result.tables["table_4"]
    print(table[["method", "best_accuracy", "paper_best_accuracy"]].drop_duplicates("method").to_string(index=False))
    for method, curve in result.curves.items():
        best = curve.isel(epoch=int(curve["test_mcr"].argmin()))
        print(f"{method}: {float(best['test_mcr']):.2f} {best['test_mcr'].attrs['units']} wrong in epoch {int(best['epoch'])}")
