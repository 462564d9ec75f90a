"""From samples to a report: definitions, histograms, intervals, objectives, money, and how far the figures are to be trusted. Pure."""
