"""Computes a report from samples: definitions, histograms, intervals, objectives, money, and the validity of the figures. Pure."""
