"""Two runs compared: verdicts that moved, and latencies that changed by more than chance and clocks explain."""
