"""A tokenizer that needs no download, where the tools look for downloaded ones: bytes, and ``word`` as one token."""

import json
from pathlib import Path


def make_tokenizer(home: Path) -> Path:
    """A byte-level BPE with the merges of ``word`` and `` word``, in the layout of the hub's cache below *home*."""
    folder = home / "hub/models--field--tiny/snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    (folder.parents[1] / "refs").mkdir()
    (folder.parents[1] / "refs/main").write_text(folder.name, encoding="utf-8")
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [*map(chr, printable), *(chr(256 + number) for number in range(256 - len(printable)))]
    merges = ["w o", "wo r", "wor d", "Ġ word"]
    words = ["</s>", *symbols, *(merge.replace(" ", "") for merge in merges)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "vocab": {word: number for number, word in enumerate(words)}, "merges": merges}
    flags = dict.fromkeys(["single_word", "lstrip", "rstrip", "normalized"], False)
    end = {"id": 0, "content": "</s>", "special": True, **flags}
    made = {"version": "1.0", "added_tokens": [end], "pre_tokenizer": level, "decoder": level, "model": model}
    chat = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "pad_token": "</s>"}
    (folder / "tokenizer.json").write_text(json.dumps(made), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": chat}), encoding="utf-8")
    return folder
