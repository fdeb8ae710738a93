//! Writes the logits of a fine-tuned model on a fixed sequence, for `tests/reference/peft_roundtrip.py`:
//! `cargo bench --bench adapter_logits -- BASE TUNED LOGITS.safetensors`, where TUNED is the folder of an adapter of
//! BASE or of a whole model.

use candle_core::{Device, Tensor};
use juxta::finetune::Recipe;
use juxta::finetune::probe::Probe;
use juxta::folder::Folder;
use std::collections::HashMap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [base, tuned, out] = arguments.as_slice() else {
        return Err("expected BASE TUNED LOGITS.safetensors".into());
    };
    let probe = match std::path::Path::new(tuned).join("adapter_config.json").is_file() {
        true => adapted(base, tuned)?,
        false => Probe::open(&Folder::Disk(tuned.into()))?,
    };
    let tokens: Vec<u32> = (0..100).map(|i| 3 + i * 7 % 60).collect();
    let logits = probe.logits(&tokens);
    let width = logits.len() / tokens.len();
    let tensors = HashMap::from([
        ("logits", Tensor::from_vec(logits, (tokens.len(), width), &Device::Cpu)?),
        ("tokens", Tensor::new(tokens.iter().map(|t| i64::from(*t)).collect::<Vec<_>>(), &Device::Cpu)?),
    ]);
    candle_core::safetensors::save(&tensors, out)?;
    Ok(())
}

fn adapted(base: &str, adapter: &str) -> Result<Probe, Box<dyn std::error::Error>> {
    let config: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{adapter}/adapter_config.json"))?)?;
    let recipe = Recipe {
        rank: serde_json::from_value(config["r"].clone())?,
        alpha: serde_json::from_value(config["lora_alpha"].clone())?,
        targets: serde_json::from_value(config["target_modules"].clone())?,
        ..Recipe::default()
    };
    let values =
        candle_core::safetensors::load(format!("{adapter}/adapter_model.safetensors"), &Device::Cpu)?;
    let mut probe = Probe::open(&Folder::Disk(base.into()))?;
    probe.adapt(&recipe, &|name| values.get(name)?.flatten_all().ok()?.to_vec1().ok())?;
    Ok(probe)
}
