"""Files that clients upload: multipart parsing, storage, and endpoints."""
