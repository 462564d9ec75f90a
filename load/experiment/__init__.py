"""Experiments on a target: scripts that choose the next request, their runner, and the shell around a whole run.

A script (:mod:`load.experiment.script`) is pure and is tested in virtual time. :mod:`load.experiment.sender` runs one against real
sockets within bounds and a budget, :mod:`load.experiment.run` opens the log around it and puts the report together.
:mod:`load.limits` and :mod:`load.pricing` are built on these three.
"""
