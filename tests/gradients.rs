//! Loss, logits and gradients agree with PyTorch's on tiny random models (`tests/reference/gradients.py`).

use juxta::finetune::Recipe;
use juxta::finetune::probe::{Gradients, Probe, Sequence};
use juxta::folder::Folder;
use safetensors::SafeTensors;
use std::path::PathBuf;

/// The largest difference, relative to the largest value of the tensor.
const CLOSE: f32 = 1e-4;

struct Reference(Vec<u8>);

impl Reference {
    fn read(model: &str, file: &str) -> Self {
        Self(std::fs::read(folder(model).join(file)).unwrap())
    }

    fn tensor(&self, name: &str) -> Option<Vec<f32>> {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let data = tensors.tensor(name).ok()?.data().to_vec();
        Some(data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    fn names(&self) -> Vec<String> {
        SafeTensors::deserialize(&self.0).unwrap().names().into_iter().map(str::to_owned).collect()
    }

    fn sequences(&self) -> Vec<Sequence> {
        let (_, header) = SafeTensors::read_metadata(&self.0).unwrap();
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let answers = header.metadata().as_ref().unwrap()["answers"].clone();
        answers
            .split(',')
            .enumerate()
            .map(|(i, answer)| {
                let data = tensors.tensor(&format!("tokens.{i}")).unwrap().data().to_vec();
                let tokens = data.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                Sequence { tokens: tokens.collect(), answer: answer.parse().unwrap() }
            })
            .collect()
    }

    /// Every gradient that the reference has is there and agrees, and there is none besides.
    fn agrees(&self, found: &Gradients) {
        let names = self.names();
        let expected: Vec<&str> = names.iter().filter_map(|n| n.strip_prefix("gradient.")).collect();
        assert_eq!(expected.len(), found.len());
        for name in expected {
            close(name, &found[name], &self.tensor(&format!("gradient.{name}")).unwrap());
        }
    }

    fn loss(&self) -> f32 {
        self.tensor("loss").unwrap()[0]
    }
}

fn folder(model: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/gradients").join(model)
}

fn close(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    let apart = found.iter().zip(expected).fold(0.0f32, |m, (f, e)| m.max((f - e).abs()));
    assert!(largest > 0.0 && apart <= CLOSE * largest, "{name}: {apart} apart, the largest is {largest}");
}

fn probe(model: &str) -> Probe {
    Probe::open(&Folder::Disk(folder(model))).unwrap()
}

fn adapted(model: &str, reference: &Reference, dropout: f64) -> Probe {
    let mut probe = probe(model);
    let recipe = Recipe { rank: 4, alpha: 8.0, dropout, ..Recipe::default() };
    probe.adapt(&recipe, &|name| reference.tensor(name)).unwrap();
    probe
}

#[test]
fn logits_agree_with_pytorch() {
    for model in ["tied", "untied"] {
        let reference = Reference::read(model, "base.reference");
        for (i, sequence) in reference.sequences().iter().enumerate() {
            let expected = reference.tensor(&format!("logits.{i}")).unwrap();
            close(&format!("{model}, logits {i}"), &probe(model).logits(&sequence.tokens), &expected);
        }
    }
}

#[test]
fn gradients_of_the_whole_model_agree_with_pytorch() {
    for model in ["tied", "untied"] {
        let reference = Reference::read(model, "base.reference");
        let (loss, gradients) = probe(model).base_gradients(&reference.sequences());
        close("loss", &[loss], &[reference.loss()]);
        reference.agrees(&gradients);
    }
}

#[test]
fn gradients_of_adapters_agree_with_pytorch() {
    for model in ["tied", "untied"] {
        let reference = Reference::read(model, "lora.reference");
        let (loss, gradients) =
            adapted(model, &reference, 0.0).adapter_gradients(&reference.sequences(), None);
        close("loss", &[loss], &[reference.loss()]);
        reference.agrees(&gradients);
    }
}

/// The passes with dropout keep base and adapter apart: another way to the same figures while nothing is dropped.
#[test]
fn gradients_on_the_way_of_dropout_agree_with_pytorch() {
    for model in ["tied", "untied"] {
        let reference = Reference::read(model, "lora.reference");
        let (loss, gradients) =
            adapted(model, &reference, 0.5).adapter_gradients(&reference.sequences(), None);
        close("loss", &[loss], &[reference.loss()]);
        reference.agrees(&gradients);
    }
}

/// With a fixed draw of dropout the loss is a smooth function of A and B, so its gradient must be its slope.
#[test]
fn with_dropout_the_gradient_is_the_slope_of_the_loss() {
    let reference = Reference::read("tied", "lora.reference");
    let sequences = reference.sequences();
    let recipe = Recipe { rank: 4, alpha: 8.0, dropout: 0.3, ..Recipe::default() };
    let mut probe = probe("tied");
    let mut at = |changed: &str, step: f32| {
        probe
            .adapt(&recipe, &|name| {
                let mut values = reference.tensor(name)?;
                if name == changed {
                    values.iter_mut().enumerate().for_each(|(i, v)| *v += step * direction(i));
                }
                Some(values)
            })
            .unwrap();
        probe.adapter_gradients(&sequences, Some(5))
    };
    let (loss, gradients) = at("", 0.0);
    assert!((loss - reference.loss()).abs() > 1e-3, "something is dropped");
    for part in [
        "0.self_attn.k_proj.lora_A",
        "0.mlp.up_proj.lora_B",
        "1.self_attn.o_proj.lora_A",
        "1.mlp.down_proj.lora_B",
    ] {
        let name = format!("base_model.model.model.layers.{part}.weight");
        let h = 5e-4;
        let slope = (at(&name, h).0 - at(&name, -h).0) / (2.0 * h);
        let along: f32 = gradients[&name].iter().enumerate().map(|(i, g)| g * direction(i)).sum();
        assert!((slope - along).abs() < 1e-2 * along.abs().max(0.05), "{name}: {along} for {slope}");
    }
}

fn direction(i: usize) -> f32 {
    (i as f32 * 1.7).sin()
}
