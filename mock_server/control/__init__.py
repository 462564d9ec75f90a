"""``/__mock/``: the ground truth of what was written when, and ways to make the mock do something else."""
