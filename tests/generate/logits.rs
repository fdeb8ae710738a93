//! Logits agree with Hugging Face transformers to 1e-4 in f32, for every variation that is supported.

use super::support::{expected, furthest, load, models};
use juxta::generate::{Sampling, Step};
use juxta::job::Cancel;

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
fn mistral_with_windows_and_heads_of_their_own_size_in_bf16() {
    agrees("mistral");
}

#[test]
fn qwen_2_with_biases_and_tied_embeddings_in_f16() {
    agrees("qwen2");
}

#[test]
fn qwen_2_with_windows_in_its_upper_layers_in_several_files() {
    agrees("qwen2-sliding");
}

#[test]
fn qwen_3_with_normed_heads() {
    agrees("qwen3");
}

#[test]
fn qwen_3_with_positions_stretched_by_yarn() {
    agrees("qwen3-yarn");
}

#[test]
fn gemma() {
    agrees("gemma");
}

#[test]
fn gemma_2_with_caps_and_windows_in_every_other_layer() {
    agrees("gemma2");
}

#[test]
fn gemma_3_with_two_rotations() {
    agrees("gemma3");
}

#[test]
fn gemma_3_as_older_files_describe_it() {
    agrees("gemma3-old");
}

#[test]
fn phi_3_with_fused_projections_and_windows() {
    agrees("phi3");
}

#[test]
fn phi_3_with_heads_turned_in_part_by_stretched_frequencies() {
    agrees("phi3-long");
}

#[test]
fn phi_3_beyond_its_first_window() {
    let model = load("phi3-long").expect("loads");
    let (tokens, logits) = expected(&models().join("phi3-long/longer.safetensors"));
    let window = 64;
    assert!(tokens.len() > window + 30 && model.facts().context_tokens > tokens.len());
    for n in window + 1..=tokens.len() {
        let got = model.logits(&tokens[..n]).expect("logits");
        let off = furthest(&got, &logits[n - 1]);
        assert!(off < 1e-4, "off by {off} after {n} tokens");
    }
    // Shorter texts are turned otherwise.
    assert!(furthest(&model.logits(&tokens[..window]).expect("logits"), &logits[window - 1]) > 1e-2);
}

/// One of each architecture.
const FAMILIES: [&str; 8] = ["grouped", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3"];

#[test]
fn asking_the_same_thing_twice_gives_the_same_answer_also_at_the_same_time() {
    for name in FAMILIES {
        let model = load(name).expect("loads");
        let sampling = Sampling { max_tokens: 24, ..Sampling::default() };
        let ask = || {
            let mut streamed = String::new();
            let answer = model.generate("Who wrote it, and when?", &sampling, &Cancel::new(), &mut |step| {
                if let Step::Text { piece, .. } = step {
                    streamed.push_str(&piece);
                }
            });
            let answer = answer.expect("answers");
            assert_eq!(streamed, answer.text, "{name}");
            answer.text
        };
        let first = ask();
        assert!(!first.is_empty(), "{name}");
        assert_eq!(ask(), first, "{name}");
        std::thread::scope(|scope| {
            for thread in [scope.spawn(ask), scope.spawn(ask)] {
                assert_eq!(thread.join().expect("answers"), first, "{name}");
            }
        });
    }
}

#[test]
fn an_answer_is_what_reading_all_of_it_at_once_would_go_on_with() {
    for name in FAMILIES {
        let model = load(name).expect("loads");
        let codec = model.codec().expect("a network");
        let prompt = codec.encode("The passages do not say. ").expect("encodes");
        let sampling = Sampling { max_tokens: 16, ..Sampling::default() };
        let answer = model.generate("The passages do not say. ", &sampling, &Cancel::new(), &mut |_| {});
        let answer = answer.expect("answers");
        let mut tokens = prompt;
        let mut greedy = Vec::new();
        for _ in 0..answer.tokens {
            let logits = model.logits(&tokens).expect("logits");
            let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).expect("some");
            greedy.push(u32::try_from(best).expect("small"));
            tokens.push(greedy[greedy.len() - 1]);
        }
        let greedy = codec.decode(&greedy).expect("decodes");
        assert_eq!(greedy.trim_start(), answer.text, "{name}: an answer begins with its first word");
    }
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
