//! The base's architecture as its `config.json` states it, and the refusal of what the trainer does not know.

use crate::fault::{Fault, Result};
use crate::folder::Folder;
use serde_json::Value;

const FILE: &str = "config.json";

/// A Llama decoder: pre-norm blocks of grouped-query attention with rotary positions and a gated SiLU feed-forward.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    pub vocabulary: usize,
    pub hidden: usize,
    pub feed_forward: usize,
    pub layers: usize,
    pub heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub kv_heads: usize,
    pub head: usize,
    pub eps: f32,
    /// The longest sequence, in tokens.
    pub window: usize,
    /// Whether the output projection is the embedding.
    pub tied: bool,
    /// Radians a position for each pair of coordinates of a head, `head / 2` of them.
    pub frequencies: Vec<f64>,
    /// End-of-sequence token, where the configuration names one.
    pub end: Option<u32>,
}

impl Shape {
    /// Columns of the fused query, key and value projection.
    pub fn qkv(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head
    }

    /// Reads `config.json` of `base`.
    ///
    /// # Errors
    /// A [`Fault`] for a missing or broken file, another architecture, or a variation that the trainer does not know.
    pub fn read(base: &Folder) -> Result<Self> {
        let text = base.read_text(FILE)?;
        let place = base.place(FILE);
        let json: Value = serde_json::from_str(&text).map_err(|e| {
            Fault::new(format!("{place}:{}", e.line()), format!("{e}"))
                .expected("a model configuration in JSON")
                .next("Download the file again, or take it from where the model came from.")
        })?;
        Self::parse(&Fields { json: &json, place: &place })
    }

    fn parse(fields: &Fields<'_>) -> Result<Self> {
        let kind = fields.json.get("model_type").and_then(Value::as_str).unwrap_or("none");
        if kind != "llama" {
            return Err(fields.unknown("model_type", kind, "llama"));
        }
        let act = fields.json.get("hidden_act").and_then(Value::as_str).unwrap_or("silu");
        if act != "silu" {
            return Err(fields.unknown("hidden_act", act, "silu"));
        }
        for bias in ["attention_bias", "mlp_bias"] {
            if fields.json.get(bias) == Some(&Value::Bool(true)) {
                return Err(fields.unknown(bias, "true", "false"));
            }
        }
        let hidden = fields.size("hidden_size", None)?;
        let heads = fields.size("num_attention_heads", None)?;
        let kv_heads = fields.size("num_key_value_heads", Some(heads))?;
        let head = fields.size("head_dim", Some(hidden / heads))?;
        if !heads.is_multiple_of(kv_heads) {
            return Err(fields.unknown("num_key_value_heads", kv_heads, format!("a divisor of {heads}")));
        }
        if !head.is_multiple_of(2) {
            return Err(fields.unknown("head_dim", head, "an even number"));
        }
        Ok(Self {
            vocabulary: fields.size("vocab_size", None)?,
            hidden,
            feed_forward: fields.size("intermediate_size", None)?,
            layers: fields.size("num_hidden_layers", None)?,
            heads,
            kv_heads,
            head,
            eps: fields.number(fields.json, "rms_norm_eps", Some(1e-6))? as f32,
            window: fields.size("max_position_embeddings", Some(2048))?,
            tied: fields.json.get("tie_word_embeddings") == Some(&Value::Bool(true)),
            frequencies: frequencies(fields, head)?,
            end: match fields.json.get("eos_token_id") {
                Some(Value::Array(all)) => all.first().and_then(Value::as_u64),
                other => other.and_then(Value::as_u64),
            }
            .and_then(|id| u32::try_from(id).ok()),
        })
    }
}

/// Rotary frequencies: θ^(−2i/d), or Llama 3's, which slows the low ones down by `factor` and blends between.
fn frequencies(fields: &Fields<'_>, head: usize) -> Result<Vec<f64>> {
    // transformers 5 writes everything into `rope_parameters`, earlier ones `rope_theta` beside `rope_scaling`.
    let scaling = ["rope_parameters", "rope_scaling"]
        .iter()
        .filter_map(|k| fields.json.get(*k))
        .find(|v| v.is_object());
    let theta_in = scaling.filter(|s| s.get("rope_theta").is_some()).unwrap_or(fields.json);
    let theta = fields.number(theta_in, "rope_theta", Some(10_000.0))?;
    let plain = (0..head / 2).map(|i| theta.powf(-2.0 * i as f64 / head as f64));
    let kind = scaling.and_then(|s| s.get("rope_type").or_else(|| s.get("type"))).and_then(Value::as_str);
    match (kind.unwrap_or("default"), scaling) {
        ("llama3", Some(s)) => {
            let factor = fields.number(s, "factor", None)?;
            let low = fields.number(s, "low_freq_factor", None)?;
            let high = fields.number(s, "high_freq_factor", None)?;
            let original = fields.number(s, "original_max_position_embeddings", None)?;
            Ok(plain
                .map(|f| {
                    let wave = 2.0 * std::f64::consts::PI / f;
                    let smooth = ((original / wave - low) / (high - low)).clamp(0.0, 1.0);
                    (1.0 - smooth) * f / factor + smooth * f
                })
                .collect())
        }
        ("default", _) => Ok(plain.collect()),
        (other, _) => Err(fields.unknown("rope_scaling", other, "default or llama3")),
    }
}

struct Fields<'a> {
    json: &'a Value,
    place: &'a str,
}

impl Fields<'_> {
    fn unknown(
        &self,
        field: &str,
        found: impl std::fmt::Display,
        expected: impl std::fmt::Display,
    ) -> crate::fault::Error {
        Fault::new(self.place, format!("{field} = {found}"))
            .expected(format!("{field} = {expected}, which is what can be trained here"))
            .next("Choose another base, for instance the bundled reader.")
            .into()
    }

    /// A size: a whole number above 0.
    fn size(&self, field: &str, default: Option<usize>) -> Result<usize> {
        let found = match self.json.get(field) {
            None | Some(Value::Null) => default,
            Some(v) => v.as_u64().and_then(|n| usize::try_from(n).ok()),
        };
        found
            .filter(|n| (1..=1 << 24).contains(n))
            .ok_or_else(|| self.missing(self.json, field, "a whole number above 0"))
    }

    fn number(&self, of: &Value, field: &str, default: Option<f64>) -> Result<f64> {
        let found = match of.get(field) {
            None | Some(Value::Null) => default,
            Some(v) => v.as_f64(),
        };
        found.filter(|n| n.is_finite() && *n > 0.0).ok_or_else(|| self.missing(of, field, "a number above 0"))
    }

    fn missing(&self, of: &Value, field: &str, expected: &str) -> crate::fault::Error {
        let found = of.get(field).map_or_else(|| format!("no {field}"), |v| format!("{field} = {v}"));
        Fault::new(self.place, found)
            .expected(expected)
            .next("Download the file again, or take it from where the model came from.")
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: impl FnOnce(&mut Value)) -> Result<Shape> {
        let text = Folder::Bundled("assets/models/reader".into()).read_text(FILE).unwrap();
        let mut json: Value = serde_json::from_str(&text).unwrap();
        change(&mut json);
        Shape::parse(&Fields { json: &json, place: "config.json" })
    }

    #[test]
    fn the_bundled_reader_is_read_as_it_is() {
        let shape = read(|_| ()).unwrap();
        assert_eq!((shape.hidden, shape.heads, shape.kv_heads, shape.head, shape.layers), (256, 4, 2, 64, 8));
        assert!(shape.tied && shape.end == Some(2) && shape.frequencies.len() == 32);
    }

    #[test]
    fn another_architecture_is_refused_by_name() {
        let said = read(|j| j["model_type"] = "mamba".into()).unwrap_err().to_string();
        assert!(said.contains("model_type = mamba"), "{said}");
        let said =
            read(|j| j["rope_scaling"] = serde_json::json!({"rope_type": "yarn"})).unwrap_err().to_string();
        assert!(said.contains("yarn"), "{said}");
        let said = read(|j| j["attention_bias"] = true.into()).unwrap_err().to_string();
        assert!(said.contains("attention_bias"), "{said}");
    }

    #[test]
    fn a_size_that_is_none_is_refused_by_field() {
        let said = read(|j| j["num_hidden_layers"] = "eight".into()).unwrap_err().to_string();
        assert!(said.contains("num_hidden_layers"), "{said}");
    }
}
