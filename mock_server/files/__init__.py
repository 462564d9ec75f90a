"""Files that clients leave with the server: how they come (multipart), where they are kept, and what can be asked about them."""
