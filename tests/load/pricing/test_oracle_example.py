"""The example at the head of `load.pricing.oracle`, by its code."""

import re

from echosounder.load.pricing import oracle
from echosounder.load.pricing.oracle import BLOCKS, UNITS, Scale, Scope, ServedPrompt, expectations
from echosounder.load.pricing.prompts import Prompt, system, user

# sent, over, prompt, blocks, units, most: a line of the table
LINE = re.compile(r"^ {4}([\d.]+) +(\d+) +([ABC][a-z_, ]*?) +(\d+) +(\d+) +(\d+) {4}", re.MULTILINE)


def served(sent, over, name):
    prompt = Prompt((system(300, "common"), user(100, name[0])))
    return ServedPrompt(prompt, Scope(user_id="other" if "other" in name else None), float(sent), float(over))


def test_the_table_of_the_example_is_what_the_oracle_expects():
    lines = LINE.findall(oracle.__doc__)
    found = expectations([served(*line[:3]) for line in lines], Scale(unit=64))
    shown = [(each.promised[BLOCKS], each.promised[UNITS], each.most) for each in found]
    assert len(lines) == 6
    assert shown == [tuple(map(int, line[3:])) for line in lines]
    assert found[-1].account == 410
