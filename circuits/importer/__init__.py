"""Bring your own netlist: HSPICE-syntax and xschem netlists become plain ngspice netlists.

A pipeline of small passes over the text of a testbench (`pipeline.py` has their order). Each
rewrites cards where they stand, so that a finding of any later step names the user's own line.
"""
