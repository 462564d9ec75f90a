"""Writes a tiny random llama as one GGUF file: ``python llama_model.py FILE``.

The vocabulary has a token for every byte, every printable letter and every pair of small letters, so that any prompt can be spelled.
"""

import string
import sys
from collections.abc import Iterator
from itertools import product

import numpy as np
from gguf import GGUFWriter, TokenType

WIDTH, INNER, LAYERS, HEADS, CONTEXT = 64, 128, 2, 4, 16384
TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>\n"
    "{% if message.content is string %}{{ message.content }}{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def vocabulary() -> Iterator[tuple[str, float, TokenType]]:
    """``(token, score, kind)``: pairs are likelier than letters, a space is spelled as SentencePiece does."""
    yield from (("<unk>", 0.0, TokenType.UNKNOWN), ("<s>", 0.0, TokenType.CONTROL), ("</s>", 0.0, TokenType.CONTROL))
    yield from ((f"<0x{byte:02X}>", 0.0, TokenType.BYTE) for byte in range(256))
    letters = [chr(code) for code in range(33, 127)]
    yield from ((letter, -9.0, TokenType.NORMAL) for letter in ("▁", *letters))
    yield from (
        (first + second, -1.0, TokenType.NORMAL)
        for first, second in product("▁" + string.ascii_lowercase, string.ascii_lowercase)
    )


def write(path: str) -> None:
    tokens, scores, kinds = zip(*vocabulary(), strict=True)
    file = GGUFWriter(path, "llama")
    file.add_context_length(CONTEXT)
    file.add_embedding_length(WIDTH)
    file.add_feed_forward_length(INNER)
    file.add_block_count(LAYERS)
    file.add_head_count(HEADS)
    file.add_head_count_kv(HEADS)
    file.add_rope_dimension_count(WIDTH // HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_vocab_size(len(tokens))
    file.add_tokenizer_model("llama")
    file.add_token_list(list(tokens))
    file.add_token_scores(list(scores))
    file.add_token_types(list(kinds))
    file.add_bos_token_id(1)
    file.add_eos_token_id(2)
    file.add_chat_template(TEMPLATE)
    for name, values in tensors(kinds):
        file.add_tensor(name, values.astype(np.float32))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def tensors(kinds: tuple[TokenType, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """Random, but sure of itself, and silent about lone bytes, which nobody can read."""
    random = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.normal(0, 0.3, (rows, columns))

    yield "token_embd.weight", matrix(len(kinds), WIDTH)
    for layer in range(LAYERS):
        for name in ("attn_norm", "ffn_norm"):
            yield f"blk.{layer}.{name}.weight", np.ones(WIDTH)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"blk.{layer}.{name}.weight", matrix(WIDTH, WIDTH)
        yield f"blk.{layer}.ffn_gate.weight", matrix(INNER, WIDTH)
        yield f"blk.{layer}.ffn_up.weight", matrix(INNER, WIDTH)
        yield f"blk.{layer}.ffn_down.weight", matrix(WIDTH, INNER)
    yield "output_norm.weight", np.ones(WIDTH)
    readable = np.array([kind in (TokenType.NORMAL, TokenType.CONTROL) for kind in kinds])
    yield "output.weight", matrix(len(kinds), WIDTH) * readable[:, None]


if __name__ == "__main__":
    write(sys.argv[1])
