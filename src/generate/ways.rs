//! In which numbers models of this machine are computed, and whether both of a pair at once.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How models that are loaded here are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ways {
    /// What weights that are not quantised are made into.
    pub quant: Quant,
    /// What is multiplied with quantised weights is rounded to.
    pub activations: Activations,
    /// Which engine.
    pub engine: Engine,
}

/// What weights that are not quantised are made into when they are loaded. Files that are quantised stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Quant {
    /// Nothing: what is computed is the model as it is.
    #[default]
    #[serde(rename = "none")]
    None,
    /// Signed bytes with a scale for every 32, ggml's format: half the memory of bf16, and nearly twice as fast.
    #[serde(rename = "q8_0")]
    Q8_0,
    /// Four bits with a scale for every 32, ggml's format, of the layers' matrices; embedding and head, whose errors reach
    /// every token, as in `Q8_0`.
    #[serde(rename = "q4_0")]
    Q4_0,
}

/// To how many bits juxta's engine rounds what it multiplies with quantised weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Activations {
    /// 16, of the largest of 32: next to nothing is lost.
    #[default]
    #[serde(rename = "16-bit")]
    Bits16,
    /// 8, with a scale in half precision: ggml's `Q8_0`, and what llama.cpp does with weights in blocks of 32.
    #[serde(rename = "8-bit")]
    Bits8,
}

/// What computes a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// juxta's own where it has the model's make, else candle.
    #[default]
    Own,
    /// candle: what the other is held against.
    Candle,
}

impl Ways {
    /// An identity of a model, told apart from that of the same model computed in other numbers.
    pub fn mark(self, identity: String) -> String {
        let marked = |identity: String, by: &dyn fmt::Display| {
            blake3::hash(format!("{identity}\n{by}").as_bytes()).to_hex().to_string()
        };
        let identity = match self.quant {
            Quant::None => identity,
            Quant::Q8_0 | Quant::Q4_0 => marked(identity, &self.quant),
        };
        match self.activations {
            Activations::Bits16 => identity,
            Activations::Bits8 => marked(identity, &self.activations),
        }
    }
}

impl fmt::Display for Quant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
        })
    }
}

impl fmt::Display for Activations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bits16 => "16-bit",
            Self::Bits8 => "8-bit",
        })
    }
}

impl FromStr for Activations {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "16-bit" => Ok(Self::Bits16),
            "8-bit" => Ok(Self::Bits8),
            other => Err(format!("{other:?}, where \"16-bit\" or \"8-bit\" is expected")),
        }
    }
}

impl FromStr for Quant {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "none" => Ok(Self::None),
            "q8_0" => Ok(Self::Q8_0),
            "q4_0" => Ok(Self::Q4_0),
            other => Err(format!("{other:?}, where \"none\", \"q8_0\" or \"q4_0\" is expected")),
        }
    }
}
