//! An encoder gives the vectors that Hugging Face transformers gives; `tests/reference/encoder.py` made the data.

use juxta::folder::Folder;
use juxta::generate::Encoder;
use juxta::job::Cancel;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Expected {
    text: String,
    mean: Vec<f32>,
    first: Vec<f32>,
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/encoder")
}

fn expected() -> Vec<Expected> {
    serde_json::from_str(&fs::read_to_string(data().join("expected.json")).expect("there")).expect("vectors")
}

fn load(path: &Path) -> juxta::fault::Result<Encoder> {
    Encoder::load(&Folder::Disk(path.to_owned()), &Cancel::new())
}

/// A copy that may be changed.
fn copy() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("1_Pooling")).expect("made");
    let files = ["config.json", "model.safetensors", "modules.json", "sentence_bert_config.json"];
    for file in files.iter().chain(&["tokenizer.json", "1_Pooling/config.json"]) {
        fs::copy(data().join(file), dir.path().join(file)).expect("copied");
    }
    dir
}

fn close(found: &[f32], expected: &[f32], text: &str) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-5, "{text:?}: {found:?} is not {expected:?}");
    }
}

#[test]
fn vectors_are_those_of_transformers_alone_and_in_a_batch() {
    let encoder = load(&data()).expect("loaded");
    let expected = expected();
    let texts: Vec<&str> = expected.iter().map(|e| e.text.as_str()).collect();
    assert!(texts.len() > 3 && encoder.width() == expected[0].mean.len());
    for (found, of) in encoder.encode(&texts).expect("encoded").iter().zip(&expected) {
        close(found, &of.mean, &of.text);
        close(&encoder.encode(&[&of.text]).expect("encoded")[0], &of.mean, &of.text);
    }
    assert!(encoder.encode(&[]).expect("nothing").is_empty());
}

#[test]
fn the_first_token_counts_where_the_folder_says_so() {
    let dir = copy();
    let other = load(dir.path()).expect("loaded").digest().to_owned();
    fs::write(dir.path().join("1_Pooling/config.json"), "{\"pooling_mode_cls_token\": true}")
        .expect("written");
    fs::write(dir.path().join("modules.json"), "[]").expect("written");
    let encoder = load(dir.path()).expect("loaded");
    for of in expected() {
        close(&encoder.encode(&[&of.text]).expect("encoded")[0], &of.first, &of.text);
    }
    assert_ne!(encoder.digest(), other, "other vectors, other digest");
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let told = |file: &str, from: &str, to: &str| {
        let dir = copy();
        let path = dir.path().join(file);
        let text = fs::read_to_string(&path).expect("there");
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(&path, text.replace(from, to)).expect("written");
        let message = load(dir.path()).expect_err("refused").to_string();
        assert!(
            message.contains(file.rsplit('/').next().expect("a name"))
                || message.contains("model.safetensors"),
            "{message}"
        );
        message
    };
    assert!(
        told("config.json", "\"model_type\": \"bert\"", "\"model_type\": \"t5\\u001b\"")
            .contains("expected bert")
    );
    assert!(
        told("config.json", "\"hidden_size\": 16", "\"hidden_size\": 99999999999").contains("hidden_size")
    );
    assert!(
        told("config.json", "\"num_attention_heads\": 4", "\"num_attention_heads\": 5").contains("multiple")
    );
    told("config.json", "\"num_attention_heads\": 4", "\"num_attention_heads\": 0");
    told("config.json", "\"hidden_size\": 16", "\"hidden_size\": 32");
    told("config.json", "{", "[");
    assert!(told("1_Pooling/config.json", "mean_tokens", "max_tokens").contains("pooling_mode_cls_token"));
    told("tokenizer.json", "\"model\"", "\"molde\"");
    let dir = copy();
    let weights = fs::read(dir.path().join("model.safetensors")).expect("there");
    fs::write(dir.path().join("model.safetensors"), &weights[..weights.len() / 2]).expect("written");
    assert!(load(dir.path()).expect_err("refused").to_string().contains("model.safetensors"));
}
