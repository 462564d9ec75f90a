"""Files and images in another way than documented."""

ROWS = [
    ("file-size-of-form", "upload", lambda wire: wire.json["bytes"] > 100),
    ("file-name-replaced", "file", lambda wire: wire.json["filename"] == "upload.bin"),
    ("file-without-expiry", "upload for an hour", lambda wire: wire.json["expires_at"] is None),
    ("file-in-milliseconds", "file", lambda wire: wire.json["created_at"] > 10**12),
    ("file-list-of-array", "files", lambda wire: "files" in wire.json and "data" not in wire.json),
    ("file-not-deleted-told", "delete", lambda wire: wire.json["deleted"] is False),
    ("file-kept-after-delete", "delete nothing", lambda wire: wire.json.get("deleted") is True),
    ("file-list-without-limit", "files of none", lambda wire: wire.status == 200),
    ("file-list-without-after", "files after", lambda wire: bool(wire.json["data"])),
    ("file-list-without-order", "files in no order", lambda wire: wire.status == 200),
    ("file-expiry-clamped", "upload for a minute", lambda wire: wire.status == 200),
    ("file-purpose-ignored", "upload for fun", lambda wire: wire.json.get("purpose") == "user_data"),
    ("file-list-open", "files without key", lambda wire: wire.status == 200),
    ("image-of-anything", "no image", lambda wire: wire.status == 200),
    ("image-at-any-address", "image at ftp", lambda wire: wire.status == 200),
    ("image-detail-ignored", "image in no detail", lambda wire: wire.status == 200),
    ("image-in-system-dropped", "image in system", lambda wire: wire.status == 200),
    ("image-file-unknown-dropped", "image of no file", lambda wire: wire.status == 200),
    ("image-free", "image", lambda wire: wire.usages[0]["prompt_tokens"] < 50),
    ("image-overcounted", "image", lambda wire: wire.usages[0]["prompt_tokens"] > 1500),
    ("image-rejected", "image", lambda wire: wire.status == 400 and "image input" in wire.error["message"]),
    ("image-file-rejected", "image of no file", lambda wire: "unknown variant" in wire.error["message"]),
    ("upload-rejected", "upload", lambda wire: wire.status == 400),
    ("search-query-cut", "long query", lambda wire: wire.status == 200),
]


def test_on_the_wire(row, see):
    see(row)
