"""Words that a probe sends and a check looks for in the answer."""

UNICODE = "那只猫在灯塔上睡觉。Grüße 😀 👩‍👩‍👧 🇩🇪 नमस्ते é 鬱"
"""Two, three and four bytes, a joined family, a flag, combining marks: whatever cuts characters shows here."""

REPEAT = "Repeat exactly, and nothing else:\n"
"""What stands before a text that is to come back unchanged."""
MARKED = 'Tom & Söhne – GmbH:\n<b>"5 < 7"</b>, C:\\Übung\\neu, 100 %'
CODE = 'if (Größe < 3 && name != "ß") {\n    print("\\t<Ä €>");\n}'
"""Each character that JSON, HTML, URLs, paths and shells escape, capitals, accents, and white space within."""

ORDER, NASTY = 9007199254740993, "2>&1 \"q\" 'a' </tag> \\n {}[] 😀\n那"
"""Values that break careless code: beyond 2**53, and every delimiter that JSON, markup and shells know."""

OWN = "ßøþñжç"
"""A letter for each of several callers, that no answer holds but one that was asked to repeat it: two bytes, mostly one
token, and of no two of one alphabet, which a small model may go on with."""

BAD_KEY = "sk-echosounder-invalid-key-4711"
"""A key that no server knows."""
