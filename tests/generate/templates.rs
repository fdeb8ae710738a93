//! Chat templates give the same text as Hugging Face transformers' `apply_chat_template`: small ones of our own, and the
//! real ones of many models where they are at hand. `tests/reference/templates.py` made what is expected.

use super::support::{refused, shared};
use juxta::prompt::{Message, Template};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/templates")
}

fn json(file: &str) -> Value {
    let text = std::fs::read_to_string(data().join(file)).expect("made by templates.py");
    serde_json::from_str(&text).expect("JSON")
}

/// Holds the templates in `folder` against what is expected of each; how many texts were compared.
fn agree(folder: &Path, expected: &Value) -> usize {
    let conversations = json("conversations.json");
    let today = jiff::Zoned::now().strftime("%d %b %Y").to_string();
    let specials = BTreeMap::from(
        [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")]
            .map(|(k, v)| (k.into(), v.into())),
    );
    let mut compared = 0;
    for (name, cases) in expected.as_object().expect("by template") {
        let path = folder.join(format!("{name}.jinja"));
        let source = std::fs::read_to_string(&path).expect("reads");
        let place = path.display().to_string();
        let template = Template::new(&source, specials.clone(), &place).unwrap_or_else(|e| panic!("{e}"));
        for (case, wanted) in cases.as_object().expect("by conversation") {
            let messages: Vec<Message> =
                serde_json::from_value(conversations[case].clone()).expect("messages");
            let rendered = template.render(&messages);
            let text = wanted.get("text").or_else(|| wanted.get("folded")).and_then(Value::as_str);
            let Some(text) = text else {
                refused(rendered, &[&place, "line "]);
                continue;
            };
            let rendered = rendered.unwrap_or_else(|e| panic!("{name}, {case}: {e}"));
            assert_eq!(rendered, text.replace("<TODAY>", &today), "{name}, {case}");
            assert_eq!(template.folds_system(&messages), wanted.get("folded").is_some(), "{name}, {case}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn templates_of_our_own_render_as_transformers_renders_them() {
    assert_eq!(agree(&data(), &json("own.json")), 20);
}

#[test]
fn templates_of_many_models_render_as_transformers_renders_them() {
    let Some(folder) = shared("gguf-vocabs/templates") else { return };
    // All but one of seventeen: that is for calling functions only, and wants `functions`, which transformers does not
    // give it either.
    assert_eq!(agree(&folder, &json("real.json")), 64);
}
