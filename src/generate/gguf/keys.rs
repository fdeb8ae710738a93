//! From a GGUF file's metadata to a [`Shape`]: what its architecture's keys say, checked. A key that is not known is
//! refused by its name, since it may change the numbers.

use super::super::rope::{Rope, Scaling, yarn_amplitude};
use super::super::shape::{Family, LARGEST_HEAD, Shape, Windows};
use super::names;
use crate::fault::{Error, Fault, Result};
use candle_core::quantized::gguf_file::{Content, Value};

/// The families that have an architecture of their own in these files: Mistral is `llama` there.
const FAMILIES: [Family; 7] = [
    Family::Llama,
    Family::Qwen2,
    Family::Qwen3,
    Family::Gemma,
    Family::Gemma2,
    Family::Gemma3,
    Family::Phi3,
];

/// The family of an architecture's name.
pub(super) fn family(name: &str) -> Option<Family> {
    FAMILIES.into_iter().find(|f| f.name() == name)
}

/// The names of the architectures that are read, for a message.
pub(super) fn families() -> String {
    FAMILIES.map(Family::name).join(", ")
}

/// The shape that the metadata describes.
pub(super) fn shape(content: &Content, place: &str) -> Result<Shape> {
    let general = Metadata { content, place, family: Family::Llama };
    let family = match general.text("general.architecture") {
        Some(name) => family(name).ok_or_else(|| {
            let known = format!("one of {}, which juxta runs", families());
            general.refuse("general.architecture", &format!("{name:?}"), &known)
        })?,
        None => {
            return Err(general.refuse("general.architecture", "nothing", &format!("one of {}", families())));
        }
    };
    let m = Metadata { content, place, family };
    let heads = m.count("attention.head_count")?;
    let key_heads = match m.has("attention.head_count_kv") {
        true => m.count("attention.head_count_kv")?,
        false => heads,
    };
    let hidden = m.count("embedding_length")?;
    let head = match m.has("attention.key_length") {
        true => m.count("attention.key_length")?,
        false => hidden / heads,
    };
    if head == 0 || head > LARGEST_HEAD || head % 2 != 0 || heads % key_heads != 0 || hidden % heads != 0 {
        return Err(m.refuse(
            &m.key("attention.head_count"),
            &format!("{heads} over {key_heads} for an embedding of {hidden}"),
            "heads of an even size that divide it evenly",
        ));
    }
    let layers = m.count("block_count")?;
    let mut positions = m.count("context_length")?;
    let Some(epsilon) = m.number("attention.layer_norm_rms_epsilon").filter(|e| *e > 0.0 && e.is_finite())
    else {
        return Err(m.refuse(&m.key("attention.layer_norm_rms_epsilon"), "nothing", "a number above 0"));
    };
    let turned = match family {
        Family::Phi3 if m.has("rope.dimension_count") => m.count("rope.dimension_count")?,
        _ => head,
    };
    m.check_the_rest(head, turned)?;
    let (scaling, amplitude) = m.scaling(positions)?;
    let theta = m.number("rope.freq_base").unwrap_or(match family {
        Family::Gemma3 => 1_000_000.0,
        _ => 10_000.0,
    });
    let has = |name| content.tensor_infos.contains_key(name);
    let (scaling, amplitude) = match family == Family::Phi3 && has(names::SHORT_FACTORS) {
        true => {
            let original = match m.has("rope.scaling.original_context_length") {
                true => m.count("rope.scaling.original_context_length")?,
                false => positions,
            };
            // Without the factors for longer texts there are none.
            if !has(names::LONG_FACTORS) {
                positions = positions.min(original);
            }
            // The factors come with the tensors: see `with_factors`.
            let scaling = Scaling::Long { near: Vec::new(), far: Vec::new(), original };
            (scaling, m.number("rope.scaling.attn_factor").unwrap_or(1.0))
        }
        false => (scaling, amplitude),
    };
    let local = m.number("rope.freq_base_swa").unwrap_or(10_000.0);
    let vocabulary = match content.tensor_infos.get("token_embd.weight").map(|t| t.shape.dims()) {
        Some([vocabulary, _]) => *vocabulary,
        _ => {
            return Err(Fault::new(place, "no tensor token_embd.weight in two dimensions")
                .expected("the embeddings of the vocabulary")
                .next("Copy or download the file again; a file of a vocabulary alone is no model.")
                .into());
        }
    };
    // As llama.cpp has it: the largest of each generation scale by what their heads would be.
    let largest = matches!((family, layers), (Family::Gemma2, 46) | (Family::Gemma3, 62));
    let scaled_by = if largest { hidden / heads } else { head };
    Ok(Shape {
        family,
        vocabulary,
        hidden,
        feed_forward: m.count("feed_forward_length")?,
        layers,
        heads,
        key_heads,
        head,
        epsilon,
        positions,
        tied: !content.tensor_infos.contains_key("output.weight"),
        biases: content.tensor_infos.contains_key("blk.0.attn_q.bias"),
        output_bias: content.tensor_infos.contains_key("blk.0.attn_output.bias"),
        scale: 1.0 / (scaled_by as f64).sqrt(),
        score_cap: m.cap("attn_logit_softcapping", (family == Family::Gemma2).then_some(50.0)),
        logit_cap: m.cap("final_logit_softcapping", (family == Family::Gemma2).then_some(30.0)),
        rope: Rope { theta, turned, scaling, amplitude },
        local_rope: (family == Family::Gemma3).then(|| Rope::plain(local, head)),
        windows: m.windows(layers, positions)?,
        eos: Vec::new(),
    })
}

/// The shape with the factors of its frequencies that a tensor gives, or one within the first window and one beyond it.
pub(super) fn with_factors(mut shape: Shape, factors: &[Vec<f32>], place: &str) -> Result<Shape> {
    if factors.iter().flatten().any(|f| !f.is_finite() || *f <= 0.0) {
        return Err(Fault::new(place, "factors of frequencies that are no numbers above 0")
            .expected("one for each pair of a head")
            .next("Copy or download the file again.")
            .into());
    }
    let wide = |factors: &Vec<f32>| factors.iter().map(|f| f64::from(*f)).collect::<Vec<f64>>();
    shape.rope.scaling = match (factors, shape.rope.scaling) {
        ([near, far], Scaling::Long { original, .. }) => {
            Scaling::Long { near: wide(near), far: wide(far), original }
        }
        ([all, ..], _) => Scaling::Each(wide(all)),
        ([], scaling) => scaling,
    };
    Ok(shape)
}

/// The metadata, asked for with faults that name the key.
pub(super) struct Metadata<'a> {
    pub(super) content: &'a Content,
    pub(super) place: &'a str,
    pub(super) family: Family,
}

impl Metadata<'_> {
    pub(super) fn refuse(&self, key: &str, found: &str, expected: &str) -> Error {
        Fault::new(self.place, format!("{key} = {found}"))
            .expected(expected)
            .next("Use the model's Hugging Face folder, or another model: the engine cannot do this.")
            .into()
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.content.metadata.get(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// A key of the architecture, whole.
    pub(super) fn key(&self, part: &str) -> String {
        format!("{}.{part}", self.family)
    }

    fn get(&self, part: &str) -> Option<&Value> {
        self.content.metadata.get(&self.key(part))
    }

    fn has(&self, part: &str) -> bool {
        self.get(part).is_some()
    }

    fn text_of(&self, part: &str) -> Option<&str> {
        self.text(&self.key(part))
    }

    fn number(&self, part: &str) -> Option<f64> {
        match self.get(part)? {
            Value::F32(n) => Some(f64::from(*n)),
            Value::F64(n) => Some(*n),
            other => whole(other).map(|n| n as f64),
        }
    }

    fn count(&self, part: &str) -> Result<usize> {
        match self.get(part) {
            Some(value) => match whole(value) {
                Some(n) if (1..1 << 31).contains(&n) => Ok(n as usize),
                _ => {
                    let expected = "one whole number from 1 to 2147483647";
                    Err(self.refuse(&self.key(part), &shown(value), expected))
                }
            },
            None => Err(self.refuse(&self.key(part), "nothing", "a whole number")),
        }
    }

    fn cap(&self, part: &str, default: Option<f64>) -> Option<f64> {
        self.number(part).or(default).filter(|cap| *cap > 0.0)
    }

    fn windows(&self, layers: usize, positions: usize) -> Result<Windows> {
        if !self.has("attention.sliding_window") {
            return Ok(Windows::None);
        }
        let window = self.count("attention.sliding_window")?;
        let every = match (self.get("attention.sliding_window_pattern"), self.family) {
            (Some(Value::Array(list)), _) => {
                let marked: Vec<bool> = list.iter().map(|v| v.to_bool().unwrap_or(false)).collect();
                if marked.len() != layers {
                    let key = self.key("attention.sliding_window_pattern");
                    let found = format!("a list of {}", list.len());
                    return Err(self.refuse(&key, &found, "one for each layer"));
                }
                return Ok(Windows::Marked { window, layers: marked });
            }
            (Some(_), _) => self.count("attention.sliding_window_pattern")?,
            (None, Family::Gemma2) => 2,
            (None, Family::Gemma3) => 6,
            (None, _) => 0,
        };
        Ok(match every {
            _ if window >= positions => Windows::None,
            0 => Windows::All(window),
            every => Windows::ButEvery { window, every },
        })
    }

    /// What is done to the rotary frequencies, and the amplitude, for a model of so many positions.
    fn scaling(&self, positions: usize) -> Result<(Scaling, f64)> {
        let kind = self.text_of("rope.scaling.type");
        let factor = self.number("rope.scaling.factor").or_else(|| self.number("rope.scale_linear"));
        let Some(factor) = factor.filter(|f| *f > 0.0 && *f != 1.0 && kind != Some("none")) else {
            return Ok((Scaling::None, 1.0));
        };
        if kind != Some("yarn") {
            return Ok((Scaling::Linear(factor), 1.0));
        }
        let original = match self.has("rope.scaling.original_context_length") {
            true => self.count("rope.scaling.original_context_length")?,
            false => positions,
        };
        let (fast, slow) = (
            self.number("rope.scaling.yarn_beta_fast").unwrap_or(32.0),
            self.number("rope.scaling.yarn_beta_slow").unwrap_or(1.0),
        );
        if slow <= 0.0 || slow >= fast {
            let key = self.key("rope.scaling.yarn_beta_slow");
            return Err(self.refuse(&key, &slow.to_string(), &format!("a number between 0 and {fast}")));
        }
        let by = self.number("rope.scaling.attn_factor").unwrap_or(1.0);
        let scaling = Scaling::Yarn { factor, fast, slow, original, whole: true };
        Ok((scaling, by * yarn_amplitude(factor, 1.0)))
    }

    /// Every other key of the architecture either says what the engine does anyway, or is refused.
    fn check_the_rest(&self, head: usize, turned: usize) -> Result<()> {
        let prefix = format!("{}.", self.family);
        let mut keys: Vec<&String> =
            self.content.metadata.keys().filter(|k| k.starts_with(&prefix)).collect();
        keys.sort();
        for key in keys {
            let part = &key[prefix.len()..];
            let number = self.number(part);
            let gemma = matches!(self.family, Family::Gemma2 | Family::Gemma3);
            let fine = match part {
                "attention.head_count"
                | "attention.head_count_kv"
                | "attention.layer_norm_rms_epsilon"
                | "attention.key_length"
                | "embedding_length"
                | "feed_forward_length"
                | "block_count"
                | "context_length"
                | "rope.scaling.original_context_length"
                | "rope.scaling.finetuned"
                | "vocab_size" => true,
                "rope.freq_base" => number.is_some_and(|n| n > 0.0 && n.is_finite()),
                "rope.dimension_count" => {
                    number == Some(turned as f64) && turned.is_multiple_of(2) && turned <= head
                }
                "attention.value_length" => number == Some(head as f64),
                "attention.causal" => matches!(self.get(part), Some(Value::Bool(true))),
                "rope.scaling.type" => match self.text_of(part) {
                    Some("none" | "linear" | "yarn") => true,
                    Some("longrope") => self.family == Family::Phi3,
                    _ => false,
                },
                "rope.scaling.factor" | "rope.scale_linear" => {
                    number.is_some_and(|n| n >= 0.0 && n.is_finite())
                }
                "rope.scaling.yarn_beta_fast" | "rope.scaling.yarn_beta_slow" => {
                    number.is_some_and(|n| n > 0.0 && n.is_finite())
                }
                "rope.scaling.attn_factor" => number.is_some_and(|n| {
                    let read =
                        self.family == Family::Phi3 || self.text_of("rope.scaling.type") == Some("yarn");
                    n == 1.0 || (read && n > 0.0 && n.is_finite())
                }),
                "expert_count" | "expert_used_count" => number.is_some_and(|n| n <= 1.0),
                "tensor_data_layout" => self.text_of(part) == Some("Meta AI original pth"),
                "attn_logit_softcapping" | "final_logit_softcapping" => gemma,
                "attention.sliding_window" => gemma || self.family == Family::Phi3,
                "attention.sliding_window_pattern" => gemma,
                "rope.freq_base_swa" => {
                    self.family == Family::Gemma3 && number.is_some_and(|n| n > 0.0 && n.is_finite())
                }
                _ => false,
            };
            if !fine {
                let value = self.content.metadata.get(key).map(shown).unwrap_or_default();
                let expected = format!("a plain {} model, without it", self.family);
                return Err(self.refuse(key, &value, &expected));
            }
        }
        Ok(())
    }
}

/// A whole number of any width.
pub(super) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::U8(n) => Some(i64::from(*n)),
        Value::I8(n) => Some(i64::from(*n)),
        Value::U16(n) => Some(i64::from(*n)),
        Value::I16(n) => Some(i64::from(*n)),
        Value::U32(n) => Some(i64::from(*n)),
        Value::I32(n) => Some(i64::from(*n)),
        Value::U64(n) => i64::try_from(*n).ok(),
        Value::I64(n) => Some(*n),
        _ => None,
    }
}

/// A value for a message: short, whatever it is.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::F32(n) => n.to_string(),
        Value::F64(n) => n.to_string(),
        Value::Bool(yes) => yes.to_string(),
        other => whole(other).map(|n| n.to_string()).unwrap_or_default(),
    }
}
