//! Logits agree with Hugging Face transformers to 1e-4 in f32, for every variation that is supported.

use super::support::{expected, furthest, load, models};

#[track_caller]
pub fn agrees(name: &str) {
    let model = load(name).unwrap_or_else(|e| panic!("{name}: {e}"));
    let (tokens, logits) = expected(&models().join(name).join("expected.safetensors"));
    assert_eq!(tokens.len(), logits.len());
    for n in 1..=tokens.len() {
        let got = model.logits(&tokens[..n]).expect("logits");
        let off = furthest(&got, &logits[n - 1]);
        assert!(off < 1e-4, "{name}: off by {off} after {n} tokens");
    }
}

#[test]
fn grouped_queries_with_an_output_of_their_own() {
    agrees("grouped");
}

#[test]
fn multi_head_attention_with_tied_embeddings_in_bf16() {
    agrees("tied-bf16");
}

#[test]
fn llama_3_rope_scaling_with_one_key_head_in_f16() {
    agrees("llama3-f16");
}

#[test]
fn rope_scaling_as_older_files_write_it_in_several_weight_files() {
    agrees("llama3-old-sharded");
}

#[test]
fn the_bundled_reader() {
    let reader = load("reader").expect("bundled");
    let path = models().join("reader/expected.safetensors");
    let (tokens, logits) = expected(&path);
    let all = candle_core::safetensors::load(&path, &candle_core::Device::Cpu).expect("read before");
    let lengths: Vec<i64> = all["lengths"].to_vec1().expect("numbers");
    assert_eq!(lengths.len(), 3);
    for (n, logits) in lengths.iter().zip(&logits) {
        let got = reader.logits(&tokens[..usize::try_from(*n).expect("small")]).expect("logits");
        let off = furthest(&got, logits);
        assert!(off < 1e-4, "off by {off} after {n} tokens");
    }
}
