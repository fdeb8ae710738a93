"""Has the tools that juxta exports to read what it writes: the very bytes that the snapshots of src/export hold.

    python -m venv tools && . tools/bin/activate
    pip install torch trl datasets label-studio-sdk argilla tiktoken pytz plotly shortuuid
    pip install ragas 'langchain-community<0.4'
    pip install --no-deps fschat llm-comparator
    npm install --prefix tools promptfoo
    python tests/reference/exports.py --promptfoo tools/node_modules/.bin/promptfoo

With --exports DIR what `juxta export STUDY --format FORMAT -o DIR/FORMAT` wrote into a folder for each format is read
instead.

A graphics card is not needed and no network. What is not installed is said and counts as a failure, unless
--allow-missing. Read with trl 1.16.0, datasets 5.2.0, label-studio-sdk 2.1.2, argilla 2.8.0, ragas 0.4.3, fschat
0.2.36, llm-comparator 0.1 and promptfoo 0.121.20.

What stands in for what is not there: Argilla's server (its client is a mock; records and settings are read and
checked by its own classes), FastChat's detection of languages and OpenAI's table of tokens, which are downloads.
"""

import argparse
import contextlib
import csv
import importlib.metadata
import io
import json
import os
import subprocess
import sys

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import tempfile
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOTS = ROOT / "src/export/snapshots"
# Small, with a chat template.
MODEL = ROOT / "assets/models/reader"


# Where exports of a study lie, a folder for each format; the snapshots if there is none.
exports = None


def export(name):
    """The bytes of an export, as its snapshot has them, or as they were written to a folder."""
    if exports:
        format, file = name.split("__")
        return (exports / format / file.replace(".argilla_", ".argilla/")).read_text(encoding="utf-8")
    text = (SNAPSHOTS / f"juxta__export__tests__{name}.snap").read_text(encoding="utf-8")
    return text.split("\n---\n", 1)[1].rstrip("\n") + "\n"


def lines(name):
    return [json.loads(line) for line in export(name).splitlines()]


def file(folder, name, text):
    path = Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def same(what, found, expected):
    assert found == expected, f"{what}: {found!r} is not {expected!r}"


def check_csv(folder, options):
    """The rule that cells are read back by, in another language, against jsonl."""
    judged = lines("jsonl__judgments.jsonl")
    rows = list(csv.DictReader(io.StringIO(export("csv__judgments.csv"), newline="")))
    same("rows", len(rows), len(judged))

    def text(cell):
        if not cell.startswith("'"):
            return cell
        return json.loads(cell[1:]) if cell.startswith("'\"") else cell[1:]

    for row, line in zip(rows, judged):
        judgment, item = line["judgment"], line["item"]
        said = [answer["text"] for answer in item["answers"]]
        if judgment["showing"] == "swapped":
            said.reverse()
        same("answers", [text(row["answer_a"]), text(row["answer_b"])], said)
        same("note", text(row["note"]), judgment["note"])
        same("question", text(row["question"]), item["question"])
        same("annotator", text(row["annotator"]), judgment["annotator"])
        same("accuracy", int(row["accuracy_a"]), judgment["ratings"][0]["scores"]["accuracy"])
        same("evidence", json.loads(row["evidence"] or "[]"), judgment["evidence"])
    return f"{len(rows)} rows are those of jsonl, letter for letter"


def check_trl(folder, options):
    """Loads the three data sets and takes a step on each with the trainer that is for it."""
    import datasets
    import trl
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    sets = {}
    for name in ["dpo", "kto", "sft"]:
        path = file(folder, f"{name}.jsonl", export(f"trl-{name}__trl-{name}.jsonl"))
        sets[name] = datasets.load_dataset("json", data_files=path, split="train", cache_dir=folder)
        assert trl.data_utils.is_conversational(sets[name][0]), name
    same("SFT columns", set(sets["sft"].column_names) >= {"messages"}, True)

    common = {
        "output_dir": folder, "max_steps": 1, "per_device_train_batch_size": 2, "report_to": [], "use_cpu": True,
        "save_strategy": "no", "disable_tqdm": True, "logging_strategy": "no", "bf16": False,
    }
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = lambda kind=AutoModelForCausalLM, **more: kind.from_pretrained(MODEL, **more)
    told = []
    trainers = [
        ("SFT", "sft", trl.SFTTrainer, trl.SFTConfig, {}),
        ("DPO", "dpo", trl.DPOTrainer, trl.DPOConfig, {}),
        ("reward, with margin", "dpo", trl.RewardTrainer, trl.RewardConfig, {"head": True}),
    ]
    try:
        from trl.experimental.kto import KTOConfig, KTOTrainer
    except ImportError:
        from trl import KTOConfig, KTOTrainer
    trainers.append(("KTO", "kto", KTOTrainer, KTOConfig, {}))
    for title, name, trainer, config, more in trainers:
        if more.get("head"):
            loaded = model(AutoModelForSequenceClassification, num_labels=1)
            loaded.config.pad_token_id = tokenizer.pad_token_id
        else:
            loaded = model()
        work = trainer(
            model=loaded, args=config(**common), train_dataset=sets[name], processing_class=tokenizer,
        )
        loss = work.train().training_loss
        assert loss == loss, f"{title}: the loss is no number"
        told.append(f"{title} {loss:.3f}")
    return f"{', '.join(f'{k} {len(v)} rows' for k, v in sets.items())}; loss of a step: {', '.join(told)}"


def check_label_studio(folder, options):
    """The SDK's own validation of the configuration and of every annotation."""
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface(export("label-studio__config.xml"))
    interface.validate()
    tasks = json.loads(export("label-studio__tasks.json"))
    annotations = 0
    for task in tasks:
        assert interface.validate_task({"data": task["data"]}), task["id"]
        for annotation in task["annotations"]:
            wrong = interface._validate_object(annotation, return_errors=True)
            same(f"task {task['id']}", wrong, [])
            annotations += 1
            for region in annotation["result"]:
                if region["type"] == "labels":
                    whole = task["data"][region["to_name"]].encode("utf-16-le")
                    start, end = region["value"]["start"], region["value"]["end"]
                    same("a span", whole[2 * start : 2 * end].decode("utf-16-le"), region["value"]["text"])
    ids = [r["id"] for t in tasks for a in t["annotations"] for r in a["result"] if "id" in r]
    same("distinct ids", len(set(ids)), len(ids))
    return f"{len(tasks)} tasks, {annotations} annotations, {len(ids)} regions are valid"


def check_argilla(folder, options):
    """Its classes read settings and records; every response answers a question of the settings as it may be."""
    import argilla
    from argilla.client import Argilla
    from argilla.records._io import JsonIO

    for name in ["records.json", ".argilla/settings.json", ".argilla/dataset.json"]:
        file(folder, name, export(f"argilla__{name.replace('/', '_')}"))
    with mock.patch.object(Argilla, "_get_default", return_value=mock.MagicMock()):
        settings = argilla.Settings.from_json(f"{folder}/.argilla/settings.json")
        settings.validate()
        records = JsonIO._records_from_json(f"{folder}/records.json")
        argilla.Dataset._load_dataset_model(Path(folder) / ".argilla/dataset.json")
    questions = {question.name: question for question in settings.questions}
    fields = {field.name for field in settings.fields}
    responses = 0
    for record in records:
        record.dataset = mock.MagicMock(settings=settings)
        model = record.api_model().model_dump()
        same("fields", set(model["fields"]), fields)
        for response in record.responses:
            question, value = questions[response.question_name], response.value
            kind = type(question).__name__
            if kind == "RatingQuestion":
                assert value in question.values, (response.question_name, value)
            elif kind == "LabelQuestion":
                assert value in question.labels, value
            elif kind == "MultiLabelQuestion":
                assert set(value) <= set(question.labels), value
            elif kind == "SpanQuestion":
                for span in value:
                    assert 0 <= span["start"] < span["end"] <= len(record.fields[question.field])
                    assert span["label"] in question.labels
            responses += 1
    same("records", [r.to_dict()["fields"] for r in records], [r["fields"] for r in json.loads(export("argilla__records.json"))])
    return f"{len(records)} records, {responses} responses to {len(questions)} questions"


def check_ragas(folder, options):
    from ragas import EvaluationDataset

    path = file(folder, "ragas.jsonl", export("ragas__ragas.jsonl"))
    read = EvaluationDataset.from_jsonl(path)
    for sample, line in zip(read, lines("ragas__ragas.jsonl")):
        for name in ["user_input", "response", "retrieved_contexts", "retrieved_context_ids", "reference", "reference_contexts"]:
            same(name, getattr(sample, name), line[name])
    return f"{len(read)} samples with {', '.join(read.features())}"


def check_fastchat(folder, options):
    """Its cleaning of the log gives the battles, but for those whose text it objects to."""
    import fastchat.serve.monitor.clean_battle_data as cleaning

    path = file(folder, "conv.json", export("fastchat__fastchat-conv.json"))
    with mock.patch.object(cleaning, "detect_language", return_value="unknown"):
        if hasattr(cleaning, "process_data"):
            # The repository's, after the last release: it counts tokens.
            encoding = mock.MagicMock()
            encoding.encode.side_effect = lambda text, **_: text.split()
            with mock.patch.object(cleaning.tiktoken, "encoding_for_model", return_value=encoding):
                cleaned = cleaning.process_data(cleaning.read_file(path), [], False, None)[0]
        else:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                cleaned = cleaning.clean_battle_data([path], [])
    battles = json.loads(export("fastchat-battles__fastchat-battles.json"))

    def known(battle):
        """A battle without the counts of tokens, which are each model's own."""
        turns = lambda turns: [(turn["role"], turn["content"]) for turn in turns]
        sides = {f"conversation_{side}": turns(battle[f"conversation_{side}"]) for side in "ab"}
        return {**battle, **sides}

    ours = {battle["tstamp"]: known(battle) for battle in battles}
    for battle in cleaned:
        same("a battle", known(battle), ours[battle["tstamp"]])
    objected = [b for b in battles if any(word in json.dumps(b["conversation_a"] + b["conversation_b"]).lower() for word in ["llama", "google"])]
    same("dropped for its words or an empty answer", len(battles) - len(cleaned), len(objected))
    assert cleaned and all(battle["anony"] for battle in cleaned)
    return f"of {len(battles)} votes its cleaning leaves {len(cleaned)}, as our battles have them, and drops the others"


def check_llm_comparator(folder, options):
    """The package's own types, all fields of them required."""
    from llm_comparator import types

    kinds = {"number", "string", "category", "text", "per_model_number", "per_model_category", "per_rating_string"}
    told = []
    if exports:
        names = [f"llm-comparator__{path.name}" for path in sorted((exports / "llm-comparator").iterdir())]
    else:
        files = sorted(SNAPSHOTS.glob("juxta__export__tests__llm-comparator__*.snap"))
        names = [path.name[len("juxta__export__tests__") : -len(".snap")] for path in files]
    for name in names:
        read = json.loads(export(name))
        same("models", len(read["models"]), 2)
        fields = {field["name"]: field["type"] for field in read["metadata"]["custom_fields_schema"]}
        assert set(fields.values()) <= kinds
        for example in read["examples"]:
            same("an example's fields", set(example), set(types.Example.__annotations__))
            for rating in example["individual_rater_scores"]:
                same("a rating's fields", set(rating), set(types.IndividualRating.__annotations__))
                assert -1.5 <= rating["score"] <= 1.5
                same("per rating", set(rating["custom_fields"]), {n for n, t in fields.items() if t.startswith("per_rating")})
            same("fields", set(example["custom_fields"]), {n for n, t in fields.items() if not t.startswith("per_rating")})
        told.append(f"{len(read['examples'])} examples of {' and '.join(m['name'] for m in read['models'])}")
    return "; ".join(told)


def check_promptfoo(folder, options):
    """Imports the evaluation and exports it again."""
    program = options.promptfoo
    if not program or not Path(program).exists():
        raise ModuleNotFoundError("name it with --promptfoo")
    environment = {
        **os.environ,
        "HOME": folder,
        "PROMPTFOO_CONFIG_DIR": folder,
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
    }

    def run(*arguments):
        done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    written = json.loads(export("promptfoo__promptfoo.json"))
    run("import", file(folder, "promptfoo.json", export("promptfoo__promptfoo.json")))
    out = f"{folder}/again.json"
    run("export", "eval", written["evalId"], "-o", out)
    again = json.loads(Path(out).read_text(encoding="utf-8"))
    order = lambda results: sorted(results, key=lambda r: (r["testIdx"], r["promptIdx"]))
    before, after = order(written["results"]["results"]), order(again["results"]["results"])
    same("results", len(after), len(before))
    for ours, theirs in zip(before, after):
        for name in ["success", "score", "namedScores", "vars", "provider", "latencyMs", "failureReason"]:
            same(name, theirs[name], ours[name])
        same("output", theirs["response"]["output"], ours["response"]["output"])
        parts = lambda r: [(p["pass"], p["score"], p["reason"], p["comment"]) for p in r["gradingResult"]["componentResults"]]
        same("judgments", parts(theirs), parts(ours))
    columns = lambda r: [(p["label"], p["provider"], p["metrics"]["score"], p["metrics"]["testPassCount"]) for p in r["results"]["prompts"]]
    same("columns", columns(again), columns(written))
    return f"{len(after)} results in {len(columns(again))} columns come back as they went in"


CHECKS = [
    ("csv", None, check_csv),
    ("trl", "trl", check_trl),
    ("label-studio-sdk", "label-studio-sdk", check_label_studio),
    ("argilla", "argilla", check_argilla),
    ("ragas", "ragas", check_ragas),
    ("fschat", "fschat", check_fastchat),
    ("llm-comparator", "llm-comparator", check_llm_comparator),
    ("promptfoo", None, check_promptfoo),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--promptfoo", help="the program that npm installed")
    parser.add_argument("--exports", type=Path, help="a folder of exports, in the place of the snapshots")
    parser.add_argument("--allow-missing", action="store_true", help="pass over what is not installed")
    parser.add_argument("only", nargs="*", help="the tools to ask; all if left out")
    options = parser.parse_args()
    global exports
    exports = options.exports
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    os.environ.setdefault("RAGAS_DO_NOT_TRACK", "true")
    failed = 0
    for name, package, check in CHECKS:
        if options.only and name not in options.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                version = importlib.metadata.version(package) if package else ""
                print(f"{name} {version}: {check(folder, options)}".replace(" :", ":"), flush=True)
            except (ImportError, importlib.metadata.PackageNotFoundError) as error:
                failed += not options.allow_missing
                print(f"{name}: not installed ({error})", flush=True)
            except Exception as error:
                failed += 1
                print(f"{name}: FAILED: {type(error).__name__}: {error}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
