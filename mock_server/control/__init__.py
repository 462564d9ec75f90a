"""``/__mock/``: the true times of all writes, and control of the mock's behavior."""
