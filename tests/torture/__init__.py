"""Runs of Mixel that are killed, starved and started twice, at random moments: ``make torture``.

Everything happens in a temporary folder and on this computer; what a run leaves elsewhere is a finding.
"""
