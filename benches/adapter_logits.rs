//! Writes the logits of a base with an adapter on a fixed sequence, for `tests/reference/peft_roundtrip.py`:
//! `cargo bench --bench adapter_logits -- BASE ADAPTER LOGITS.safetensors`.

use candle_core::{Device, Tensor};
use juxta::finetune::Recipe;
use juxta::finetune::probe::Probe;
use juxta::folder::Folder;
use std::collections::HashMap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [base, adapter, out] = arguments.as_slice() else {
        return Err("expected BASE ADAPTER LOGITS.safetensors".into());
    };
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
