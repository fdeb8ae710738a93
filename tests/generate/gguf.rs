//! GGUF files: number types against their own dequantised weights, a real file against transformers, and what is
//! refused. (Vocabularies are held against llama.cpp beside the code, in `src/generate/gguf/words.rs`.)

use super::support::{expected, furthest, load, models, refused, shared, spread};
use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use juxta::generate::{Activations, Engine, Finish, Model, Sampling, Ways};
use juxta::job::Cancel;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

const HIDDEN: usize = 256;
const INNER: usize = 512;
const HEADS: usize = 4;
const KEY_HEADS: usize = 2;
const LAYERS: usize = 2;

/// A small random model, to be written in any number type. Rows are multiples of 256, as K-quants need.
pub struct Made {
    metadata: BTreeMap<String, Value>,
    tensors: Vec<(String, Tensor)>,
    dtype: GgmlDType,
}

/// Numbers with the spread of a normal distribution, the same on every machine (a linear congruential generator,
/// summed).
fn random(seed: &mut u64, shape: &[usize], scale: f32) -> Tensor {
    let mut next = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let n = shape.iter().product();
    let values: Vec<f32> = (0..n).map(|_| (0..4).map(|_| next()).sum::<f32>() * scale * 1.73).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("fits")
}

fn texts(texts: &[String]) -> Value {
    Value::Array(texts.iter().cloned().map(Value::String).collect())
}

pub fn made(dtype: GgmlDType) -> Made {
    of_width(dtype, HIDDEN, INNER)
}

fn of_width(dtype: GgmlDType, hidden: usize, inner: usize) -> Made {
    let mut words: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).to_vec();
    words.extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
    words.extend(["\u{2581}", "a", "b", "ab", "\u{2581}a"].map(str::to_owned));
    let kinds = (0..words.len()).map(|n| {
        Value::I32(match n {
            0 => 2,
            1 | 2 => 3,
            3..=258 => 6,
            _ => 1,
        })
    });
    let scores = (0..words.len()).map(|n| Value::F32(-(n as f32)));
    let metadata = BTreeMap::from(
        [
            ("general.architecture", Value::String("llama".to_owned())),
            ("general.name", Value::String("Made for a test".to_owned())),
            ("llama.context_length", Value::U32(512)),
            ("llama.embedding_length", Value::U32(hidden as u32)),
            ("llama.feed_forward_length", Value::U32(inner as u32)),
            ("llama.block_count", Value::U32(LAYERS as u32)),
            ("llama.attention.head_count", Value::U32(HEADS as u32)),
            ("llama.attention.head_count_kv", Value::U32(KEY_HEADS as u32)),
            ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
            ("llama.rope.freq_base", Value::F32(10_000.0)),
            ("tokenizer.ggml.model", Value::String("llama".to_owned())),
            ("tokenizer.ggml.tokens", texts(&words)),
            ("tokenizer.ggml.token_type", Value::Array(kinds.collect())),
            ("tokenizer.ggml.scores", Value::Array(scores.collect())),
            ("tokenizer.ggml.bos_token_id", Value::U32(1)),
            ("tokenizer.ggml.eos_token_id", Value::U32(2)),
            ("tokenizer.ggml.unknown_token_id", Value::U32(0)),
            ("tokenizer.chat_template", Value::String("{{ bos_token }}{{ messages[0].content }}".to_owned())),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    let mut seed = 7;
    let keys = hidden / HEADS * KEY_HEADS;
    let mut tensors = vec![
        ("token_embd.weight".to_owned(), random(&mut seed, &[words.len(), hidden], 1.0)),
        ("output.weight".to_owned(), random(&mut seed, &[words.len(), hidden], 0.1)),
        ("output_norm.weight".to_owned(), random(&mut seed, &[hidden], 1.0)),
    ];
    for layer in 0..LAYERS {
        for (name, shape, scale) in [
            ("attn_norm", vec![hidden], 1.0),
            ("ffn_norm", vec![hidden], 1.0),
            ("attn_q", vec![hidden, hidden], 0.06),
            ("attn_k", vec![keys, hidden], 0.06),
            ("attn_v", vec![keys, hidden], 0.1),
            ("attn_output", vec![hidden, hidden], 0.1),
            ("ffn_gate", vec![inner, hidden], 0.1),
            ("ffn_up", vec![inner, hidden], 0.1),
            ("ffn_down", vec![hidden, inner], 0.1),
        ] {
            tensors.push((format!("blk.{layer}.{name}.weight"), random(&mut seed, &shape, scale)));
        }
    }
    Made { metadata, tensors, dtype }
}

impl Made {
    fn with(mut self, key: &str, value: Value) -> Self {
        self.metadata.insert(key.to_owned(), value);
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.metadata.remove(name);
        self.tensors.retain(|(n, _)| n != name);
        self
    }

    fn plus(mut self, name: &str, shape: &[usize]) -> Self {
        self.tensors.push((name.to_owned(), random(&mut 3, shape, 1.0)));
        self
    }

    fn quantised(&self) -> Vec<(String, QTensor)> {
        self.tensors
            .iter()
            .map(|(name, tensor)| {
                let dtype = if tensor.rank() == 1 { GgmlDType::F32 } else { self.dtype };
                (name.clone(), QTensor::quantize(tensor, dtype).expect("rows of 256"))
            })
            .collect()
    }

    pub fn write(&self, path: &Path) {
        let tensors = self.quantised();
        let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, t)| (name.as_str(), t)).collect();
        let metadata: Vec<(&str, &Value)> = self.metadata.iter().map(|(key, v)| (key.as_str(), v)).collect();
        let mut file = std::fs::File::create(path).expect("made");
        gguf_file::write(&mut file, &metadata, &tensors).expect("written");
    }

    /// The same numbers, dequantised, as a Hugging Face folder.
    /// `apart`: with the rotated pairs where Hugging Face has them.
    fn write_dequantised(&self, folder: &Path, apart: bool) {
        std::fs::create_dir_all(folder).expect("made");
        let mut tensors: HashMap<String, Tensor> = HashMap::new();
        for (name, quantised) in self.quantised() {
            let tensor = quantised.dequantize(&Device::Cpu).expect("numbers");
            let mut hub = name.clone();
            for (here, there) in [
                ("token_embd", "model.embed_tokens"),
                ("output_norm", "model.norm"),
                ("blk.", "model.layers."),
                ("attn_norm", "input_layernorm"),
                ("ffn_norm", "post_attention_layernorm"),
                ("attn_q.", "self_attn.q_proj."),
                ("attn_k.", "self_attn.k_proj."),
                ("attn_v.", "self_attn.v_proj."),
                ("attn_output", "self_attn.o_proj"),
                ("ffn_gate", "mlp.gate_proj"),
                ("ffn_up", "mlp.up_proj"),
                ("ffn_down", "mlp.down_proj"),
            ] {
                hub = hub.replace(here, there);
            }
            if name == "output.weight" {
                hub = "lm_head.weight".to_owned();
            }
            // GGUF has the two halves of each rotated pair beside each other; Hugging Face has them half a head
            // apart.
            let move_apart = |heads: usize| {
                let (rows, inner) = tensor.dims2()?;
                let pairs = rows / heads / 2;
                tensor
                    .reshape((heads, pairs, 2, inner))?
                    .transpose(1, 2)?
                    .contiguous()?
                    .reshape((rows, inner))
            };
            let tensor = match name.split('.').nth(2) {
                Some("attn_q") if apart => move_apart(HEADS).expect("heads"),
                Some("attn_k") if apart => move_apart(KEY_HEADS).expect("heads"),
                _ => tensor.clone(),
            };
            tensors.insert(hub, tensor);
        }
        let vocabulary = tensors["lm_head.weight"].dims()[0];
        candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).expect("saved");
        let config = serde_json::json!({
            "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INNER, "vocab_size": vocabulary,
            "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS,
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 512, "eos_token_id": 2,
        });
        std::fs::write(folder.join("config.json"), config.to_string()).expect("written");
        std::fs::copy(models().join("grouped/tokenizer.json"), folder.join("tokenizer.json"))
            .expect("copied");
    }

    fn load(&self) -> juxta::fault::Result<Model> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("made.gguf");
        self.write(&path);
        load(&path.to_string_lossy())
    }

    #[track_caller]
    fn is_refused(&self, parts: &[&str]) {
        refused(self.load(), &[&["made.gguf"], parts].concat());
    }
}

/// How far the logits are (root mean square, relative to their spread) from those of the f32 engine over the same
/// dequantised numbers; with `apart` false, over numbers whose rotated pairs are mixed up.
fn difference(dtype: GgmlDType, apart: bool) -> f32 {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = made(dtype);
    file.write(&dir.path().join("made.gguf"));
    file.write_dequantised(&dir.path().join("dense"), apart);
    let quantised = load(&dir.path().join("made.gguf").to_string_lossy()).expect("loads");
    let dense = load(&dir.path().join("dense").to_string_lossy()).expect("loads");
    let tokens: Vec<u32> = (0..24).map(|n| (n * 37 + 5) % 260).collect();
    let mut worst = 0f32;
    for n in [1, 2, 9, 24] {
        let logits = dense.logits(&tokens[..n]).expect("logits");
        let off: Vec<f32> =
            logits.iter().zip(quantised.logits(&tokens[..n]).expect("logits")).map(|(a, b)| a - b).collect();
        worst = worst.max(spread(&off) / spread(&logits));
    }
    worst
}

#[test]
fn number_types_without_blocks_agree_exactly() {
    for dtype in [GgmlDType::F32, GgmlDType::F16, GgmlDType::BF16] {
        let off = difference(dtype, true);
        assert!(off < 1e-5, "{dtype:?}: off by {off} of the spread");
    }
}

#[test]
fn quantised_products_agree_up_to_their_quantised_activations() {
    use GgmlDType::{Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    // juxta's engine keeps weights to the bit and rounds activations to 16 bits, candle to 8 before each of the fifteen
    // products, so that about a twentieth of the spread is lost.
    for dtype in [Q8_0, Q4_0, Q4K, Q6K, Q4_1, Q5_0, Q5_1, Q5K] {
        let off = difference(dtype, true);
        super::support::tell(format_args!("{dtype:?}: off by {off} of the spread"));
        assert!(off < 5e-4, "{dtype:?}: off by {off} of the spread");
    }
    let off = difference(Q3K, true);
    assert!(off < 0.08, "Q3K: off by {off} of the spread");
}

#[test]
fn with_activations_in_eight_bits_it_computes_what_candle_does() {
    for dtype in [GgmlDType::Q8_0, GgmlDType::Q4_0] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("made.gguf");
        // Rows of multiples of 256 candle rounds 256 at a time where the processor has some instructions, and else 32.
        of_width(dtype, 288, 544).write(&path);
        let load = |ways| super::support::load_in(ways, &path.to_string_lossy()).expect("loads");
        let own = load(Ways { activations: Activations::Bits8, ..Ways::default() });
        let candle = load(Ways { engine: Engine::Candle, ..Ways::default() });
        let off = |tokens: &[u32]| {
            let [a, b] = [&candle, &own].map(|model| model.logits(tokens).expect("logits"));
            spread(&a.iter().zip(&b).map(|(a, b)| a - b).collect::<Vec<_>>()) / spread(&a)
        };
        let mut all: Vec<f32> = (0..25u32).map(|n| off(&[(n * 37 + 5) % 260, n])).collect();
        all.sort_by(f32::total_cmp);
        // Sums in another order are off by a last bit, which now and then rounds a number the other way, and then others.
        let (usual, worst) = (all[all.len() / 2], all[all.len() - 1]);
        super::support::tell(format_args!("{dtype:?}: off by {usual}, at worst {worst} of the spread"));
        // Where 16 bits are a twentieth away.
        assert!(usual < 1e-5 && worst < 0.05, "{dtype:?}: off by {usual}, at worst {worst} of the spread");
    }
}

#[test]
fn files_of_every_number_type_but_one_are_computed_by_the_engine() {
    use GgmlDType::{Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    let engine = |dtype| made(dtype).load().expect("loads").facts().engine.clone();
    for (dtype, name) in [
        (Q8_0, "q8_0"),
        (Q4_0, "q4_0"),
        (Q4_1, "q4_1"),
        (Q5_0, "q5_0"),
        (Q5_1, "q5_1"),
        (Q4K, "q4_k"),
        (Q5K, "q5_k"),
        (Q6K, "q6_k"),
    ] {
        let told = engine(dtype);
        assert!(told.starts_with(&format!("juxta-engine llama {name} ")), "{told}");
    }
    assert_eq!(engine(Q3K), "candle llama Q3_K");
}

#[test]
fn the_engines_weights_are_those_that_candle_dequantises() {
    use GgmlDType::{Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    use juxta_engine::{Format, Matrix};
    let numbers = random(&mut 11, &[9, 2 * HIDDEN], 0.4);
    for (dtype, format) in [
        (Q8_0, Format::Q8_0),
        (Q4_0, Format::Q4_0),
        (Q4_1, Format::Q4_1),
        (Q5_0, Format::Q5_0),
        (Q5_1, Format::Q5_1),
        (Q4K, Format::Q4K),
        (Q5K, Format::Q5K),
        (Q6K, Format::Q6K),
    ] {
        let tensor = QTensor::quantize(&numbers, dtype).expect("rows of 256");
        let bytes = tensor.data().expect("bytes");
        let matrix = Matrix::read(&bytes, 9, 2 * HIDDEN, format).expect("whole");
        let expected = tensor.dequantize(&Device::Cpu).expect("numbers").to_vec2::<f32>().expect("rows");
        let mut row = vec![0.0; 2 * HIDDEN];
        for (n, expected) in expected.iter().enumerate() {
            matrix.row(n, &mut row);
            assert_eq!(&row, expected, "row {n} of {format}");
        }
    }
}

#[test]
fn pairs_rotated_wrongly_would_show() {
    let off = difference(GgmlDType::Q8_0, false);
    assert!(off > 0.24, "only off by {off} of the spread: the tests above prove nothing");
}

#[test]
fn a_file_brings_its_tokenizer_template_and_window() {
    let model = made(GgmlDType::Q8_0).load().expect("loads");
    assert!(model.facts().engine.starts_with("juxta-engine llama q8_0"), "{}", model.facts().engine);
    assert_eq!(model.facts().context_tokens, 512);
    assert!(model.facts().template_digest.is_some());
    let message = juxta::prompt::Message { role: juxta::prompt::Role::User, content: "ab é".to_owned() };
    let prompt = model.render(&[message]).expect("renders");
    assert_eq!(prompt, "<s>ab é");
    // The first token that the file asks for is there once, whether the template writes it or not.
    let ids = model.codec().expect("a network").encode_prompt(&prompt).expect("encodes");
    assert_eq!(ids[..2], [1, 259]);
    assert_eq!(model.codec().expect("a network").encode_prompt("ab é").expect("encodes"), ids);
    assert_eq!(model.codec().expect("a network").decode(&ids).expect("decodes"), "ab é");
    let ask = || model.generate(&prompt, &Sampling::default(), &Cancel::new(), &mut |_| {}).expect("answers");
    let (one, two) = (ask(), ask());
    assert_eq!((one.text, one.tokens), (two.text, two.tokens));
}

#[test]
fn an_answer_ends_with_the_files_window() {
    let model = made(GgmlDType::Q8_0)
        .with("llama.context_length", Value::U32(16))
        .without("tokenizer.ggml.eos_token_id")
        .load()
        .expect("loads");
    let completion =
        model.generate("ab", &Sampling::default(), &Cancel::new(), &mut |_| {}).expect("answers");
    assert_eq!(completion.finish, Finish::Length);
    assert_eq!(completion.prompt_tokens + completion.tokens, 17);
}

#[test]
fn embeddings_serve_as_an_output_where_there_is_none() {
    assert!(made(GgmlDType::Q8_0).without("output.weight").load().is_ok());
}

#[test]
fn what_the_engine_would_ignore_is_refused_by_name() {
    let q = || made(GgmlDType::Q8_0);
    q().plus("rope_freqs.weight", &[16]).is_refused(&["rope_freqs.weight", "[16]", "[32]"]);
    q().plus("rope_freqs.weight", &[32]).is_refused(&["factors", "above 0"]);
    q().plus("blk.0.attn_q.bias", &[HIDDEN]).is_refused(&["no tensor blk.0.attn_k.bias"]);
    q().plus("blk.0.attn_q_norm.weight", &[HIDDEN]).is_refused(&["blk.0.attn_q_norm.weight", "ignore"]);
    for (key, value, part) in [
        ("general.architecture", Value::String("mamba".to_owned()), "mamba"),
        ("llama.rope.scaling.type", Value::String("longrope".to_owned()), "longrope"),
        ("llama.rope.scaling.yarn_log_multiplier", Value::F32(0.1), "0.1"),
        ("llama.rope.scaling.factor", Value::F32(-4.0), "-4"),
        ("llama.expert_count", Value::U32(8), "8"),
        ("llama.rope.dimension_count", Value::U32(32), "32"),
        ("llama.attention.value_length", Value::U32(128), "128"),
        ("llama.attention.sliding_window", Value::U32(4096), "4096"),
        ("llama.attention.head_count_kv", Value::Array(vec![Value::U32(2), Value::U32(1)]), "a list of 2"),
        ("llama.attention.head_count", Value::U32(0), "0"),
        ("llama.logit_scale", Value::F32(0.5), "0.5"),
    ] {
        q().with(key, value).is_refused(&[key, part]);
    }
    for key in ["llama.block_count", "llama.attention.layer_norm_rms_epsilon", "tokenizer.ggml.tokens"] {
        q().without(key).is_refused(&[key]);
    }
}

#[test]
fn tensors_that_are_missing_or_misshapen_are_refused() {
    let q = || made(GgmlDType::Q8_0);
    q().without("blk.1.ffn_up.weight").is_refused(&["no tensor blk.1.ffn_up.weight", "[512, 256]"]);
    q().without("token_embd.weight").is_refused(&["token_embd.weight"]);
    q().without("blk.1.ffn_up.weight").plus("blk.1.ffn_up.weight", &[256, 256]).is_refused(&[
        "blk.1.ffn_up.weight",
        "[256, 256]",
        "[512, 256]",
    ]);
    q().with("llama.block_count", Value::U32(1 << 30)).is_refused(&["no tensor blk.2."]);
}

#[test]
fn a_tokenizer_that_is_unknown_is_refused_unless_there_is_one_beside() {
    let q = || made(GgmlDType::Q8_0);
    q().with("tokenizer.ggml.model", Value::String("t5".to_owned())).is_refused(&[
        "tokenizer.ggml.model",
        "t5",
        "tokenizer.json",
    ]);
    let unknown_way = q()
        .with("tokenizer.ggml.model", Value::String("gpt2".to_owned()))
        .with("tokenizer.ggml.merges", texts(&["a b".to_owned()]))
        .with("tokenizer.ggml.pre", Value::String("chameleon".to_owned()));
    unknown_way.is_refused(&["tokenizer.ggml.pre", "chameleon"]);
    q().without("tokenizer.ggml.scores").is_refused(&["tokenizer.ggml.scores"]);
    let dir = tempfile::tempdir().expect("a temporary folder");
    unknown_way.write(&dir.path().join("made.gguf"));
    std::fs::copy(models().join("grouped/tokenizer.json"), dir.path().join("tokenizer.json"))
        .expect("copied");
    let model = load(&dir.path().to_string_lossy()).expect("a folder of one file is that file");
    assert_eq!(model.count_tokens("abc").expect("counts"), 3);
}

#[test]
fn damaged_files_are_refused_wherever_they_are_damaged() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("made.gguf");
    made(GgmlDType::Q4_0).write(&path);
    let whole = std::fs::read(&path).expect("read");
    for size in [0, 3, 4, 8, 23, 24, 60, 500, 5000, whole.len() / 2, whole.len() - 5000] {
        std::fs::write(&path, &whole[..size]).expect("written");
        refused(load(&path.to_string_lossy()), &["made.gguf"]);
    }
    // Every length in the header, made absurd.
    for at in (4..200).step_by(4) {
        let mut broken = whole.clone();
        broken[at..at + 4].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
        std::fs::write(&path, &broken).expect("written");
        // Some of these bytes are letters of a name: then it may load. None may panic or ask for gigabytes.
        let _ = load(&path.to_string_lossy());
    }
    made(GgmlDType::Q4_0).with("general.alignment", Value::U32(0)).is_refused(&["general.alignment"]);
}

#[test]
fn an_adapter_for_another_base_than_its_file_is_refused_with_both_shapes() {
    let adapter = super::support::copy("lora");
    made(GgmlDType::Q8_0).write(&adapter.path("made.gguf"));
    adapter
        .set("adapter_config.json", "base_model_name_or_path", serde_json::json!("made.gguf"))
        .is_refused(&["adapter_model.safetensors", "shape [4, 32]", "shape [4, 256]", "--base"]);
}

#[test]
fn a_real_file_agrees_with_transformers() {
    let Some(folder) = shared("model-tiny-random-llama-gguf") else { return };
    let model = load(&folder.join("llama-2-tiny-random.gguf").to_string_lossy()).expect("loads");
    let (tokens, logits) = expected(&models().join("gguf/llama-2-tiny-random.safetensors"));
    for n in 1..=tokens.len() {
        let got = model.logits(&tokens[..n]).expect("logits");
        assert_eq!(got.len(), 32_000);
        let off = furthest(&got[..200], &logits[n - 1]);
        assert!(off < 1e-4, "off by {off} after {n} tokens");
    }
    let text = "Hello wörld\n  two  spaces 🦙";
    let ids = model.codec().expect("a network").encode(text).expect("encodes");
    assert_eq!(model.codec().expect("a network").decode(&ids).expect("decodes"), text);
    let completion =
        model.generate("Hello", &Sampling::default(), &Cancel::new(), &mut |_| {}).expect("answers");
    assert_eq!(completion.prompt_tokens, 2, "the first token and one word");
}
