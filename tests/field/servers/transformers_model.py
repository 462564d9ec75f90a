"""Puts a tiny random Llama into the model cache below a folder, as if it had been downloaded: ``python transformers_model.py HF_HOME``.

The vocabulary is byte-level BPE, trained on the spot on English text that comes with Python: any prompt can be spelled, and
counts are like those of a real tokenizer.
"""

import sys
from pathlib import Path
from pydoc_data.topics import topics

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
CONTEXT = 16384
TEMPLATE = (
    "{% if tools %}<|im_start|>tools\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}"
    "{% elif message.content %}{% for part in message.content %}{{ part.text }}{% endfor %}{% endif %}"
    "{% if message.tool_calls %}{{ message.tool_calls | tojson }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2048, special_tokens=[PAD, START, END], initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator((topics[name] for name in sorted(topics)), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token=PAD, eos_token=END, chat_template=TEMPLATE, model_max_length=CONTEXT
    )


def model(vocabulary: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Random, but sure of itself, and silent about what nobody can read: lone bytes and control characters."""
    torch.manual_seed(0)
    ends = {"pad_token_id": vocabulary.pad_token_id, "eos_token_id": vocabulary.eos_token_id, "bos_token_id": None}
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    made = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(vocabulary), max_position_embeddings=CONTEXT, tie_word_embeddings=False, **sizes, **ends
        )
    )
    with torch.no_grad():
        made.lm_head.weight *= 20
        for word, number in vocabulary.get_vocab().items():
            if not word.replace("Ġ", "").isascii():
                made.lm_head.weight[number] = 0
    made.generation_config = GenerationConfig(**ends)
    return made


def main(home: Path) -> None:
    repository, revision = home / "hub/models--field--tiny", "0" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text(revision, encoding="utf-8")
    words = tokenizer()
    words.save_pretrained(repository / "snapshots" / revision)
    model(words).save_pretrained(repository / "snapshots" / revision)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
