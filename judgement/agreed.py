"""Words that a probe sends and a check looks for in the answer."""

UNICODE = "那只猫在灯塔上睡觉。Grüße 😀 👩‍👩‍👧 🇩🇪 नमस्ते é 鬱"
"""Two, three and four bytes, a joined family, a flag, combining marks: whatever cuts characters shows here."""

ORDER, NASTY = 9007199254740993, "2>&1 \"q\" 'a' </tag> \\n {}[] 😀\n那"
"""Values that break careless code: beyond 2**53, and every delimiter that JSON, markup and shells know."""

OWN = "ßøþñæç"
"""A letter for each of several callers, that no answer holds but one that was asked to repeat it: two bytes, and mostly one token."""

BAD_KEY = "sk-echosounder-invalid-key-4711"
"""A key that no server knows."""
