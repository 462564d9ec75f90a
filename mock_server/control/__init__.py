"""``/__mock/``: the true times of all writes, and controls of the mock's behavior."""
