"""Renders chat templates with Hugging Face transformers and keeps what came out: tests/data/templates/*.json.

`own.json` is for the templates beside it, which were written for this project and use what real ones use; `real.json` for
those of many models, which lie in a folder of data that is not part of the repository. Dates of today are written as
<TODAY>. Where a template refuses a system message, the same conversation is rendered again with the system text above the
first question, as juxta does.

Needs transformers, jinja2 and tokenizers; written with transformers 5.24.
Run from the repository's root: python tests/reference/templates.py [FOLDER OF .jinja FILES]
"""

import json
import sys
from datetime import datetime
from pathlib import Path

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

from jinja2.exceptions import TemplateError
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

HERE = Path("tests/data/templates")
SYSTEM = {"role": "system", "content": "Answer using only the passages & cite <them>."}
USER = {"role": "user", "content": " [1] \"Faust\"\nGoethe wrote it — in 1808.\n\nQuestion: Who wrote 'Faust'? "}
ANSWER = {"role": "assistant", "content": "Goethe [1].\n"}
AGAIN = {"role": "user", "content": "When?"}
CONVERSATIONS = {
    "one question": [USER],
    "with a system message": [SYSTEM, USER],
    "the second question": [SYSTEM, USER, ANSWER, AGAIN],
    "no system message": [USER, ANSWER, AGAIN],
}


def render(template: str, messages: list, tools: list | None = None) -> str:
    words = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    text = words.apply_chat_template(messages, tools=tools, chat_template=template, tokenize=False, add_generation_prompt=True)
    return text.replace(datetime.now().strftime("%d %b %Y"), "<TODAY>")


def folded(messages: list) -> list | None:
    if messages[0]["role"] != "system":
        return None
    first = {"role": "user", "content": messages[0]["content"] + "\n\n" + messages[1]["content"]}
    return [first, *messages[2:]]


def expected(template: str, messages: list) -> dict:
    try:
        return {"text": render(template, messages)}
    except TypeError:
        # Templates that are for tools alone go through the list of them without asking whether there is one.
        return {"text": render(template, messages, tools=[]), "tools": []}
    except Exception as error:  # whatever a template does
        again = folded(messages) if isinstance(error, TemplateError) else None
        try:
            return {"error": str(error), "folded": render(template, again)} if again else {"error": str(error)}
        except Exception:
            return {"error": str(error)}


def all_of(folder: Path) -> dict:
    return {
        path.stem: {name: expected(path.read_text(), messages) for name, messages in CONVERSATIONS.items()}
        for path in sorted(folder.glob("*.jinja"))
    }


def main() -> None:
    keep = lambda name, value: (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    keep("conversations.json", CONVERSATIONS)
    keep("own.json", all_of(HERE))
    if len(sys.argv) > 1:
        keep("real.json", all_of(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
