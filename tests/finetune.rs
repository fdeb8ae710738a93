//! Runs of the trainer on a tiny model: what they leave, that they repeat, that they can be interrupted, and what
//! they refuse.

use juxta::fault::{Error, Result};
use juxta::finetune::probe::Probe;
use juxta::finetune::{Card, Method, Outcome, Pair, Recipe, Status, train};
use juxta::folder::Folder;
use juxta::generate::{Model, Registry};
use juxta::job::{Cancel, SILENT};
use std::path::{Path, PathBuf};

fn base() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/gradients/tied")
}

fn card() -> Card {
    Card {
        title: "Tiny, tuned".into(),
        description: "For tests.".into(),
        licence: "CC0-1.0".into(),
        base: "tiny".into(),
        corpus: "letters".into(),
        corpus_digest: "0123".into(),
        questions: 10,
        passages: 3,
        passage_words: 90,
        passage_overlap: 0,
    }
}

/// Says which letter follows: something that a tiny model can learn.
fn pairs(n: usize) -> Vec<Pair> {
    let letter = |i: usize| char::from(b'a' + (i % 26) as u8);
    (0..n)
        .map(|i| Pair {
            id: format!("p{i}"),
            prompt: format!("<|im_start|>after {}{}<|im_end|><|im_start|>", letter(i), letter(i)),
            answer: format!("{}.", letter(i + 1)),
        })
        .collect()
}

fn recipe() -> Recipe {
    Recipe {
        rank: 4,
        epochs: 4,
        accumulate: 3,
        learning_rate: 0.02,
        max_tokens: 64,
        checkpoint_every: 2,
        ..Recipe::default()
    }
}

fn run(pairs: &[Pair], recipe: &Recipe, out: &Path) -> Result<Outcome> {
    train(&Folder::Disk(base()), pairs, &pairs[..2], recipe, out, &card(), &|_| (), &Cancel::new())
}

fn file(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

fn said(result: Result<Outcome>) -> String {
    match result {
        Err(Error::Fault(fault)) => fault.to_string(),
        other => panic!("expected a fault, found {other:?}"),
    }
}

#[test]
fn a_run_learns_and_leaves_a_peft_folder_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("tuned");
    let recipe = Recipe { epochs: 20, ..recipe() };
    let outcome = run(&pairs(10), &recipe, &out).unwrap();
    assert_eq!(outcome.steps, 20 * 4);
    assert_eq!(outcome.losses.len(), outcome.steps);
    let held_out = outcome.held_out.unwrap();
    assert!(held_out.after < 0.2 * held_out.before, "{held_out:?}");

    let config: serde_json::Value = serde_json::from_slice(&file(&out, "adapter_config.json")).unwrap();
    assert_eq!((&config["peft_type"], &config["r"]), (&"LORA".into(), &4.into()));
    let weights = file(&out, "adapter_model.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(&weights).unwrap();
    assert_eq!(tensors.len(), 2 * 7 * 2);
    let b = tensors.tensor("base_model.model.model.layers.1.self_attn.k_proj.lora_B.weight").unwrap();
    assert_eq!(b.shape(), [16, 4]);
    let card: toml::Table = toml::from_str(&String::from_utf8(file(&out, "model.toml")).unwrap()).unwrap();
    assert_eq!(card["trained_on"]["examples"].as_integer(), Some(10));
    assert_eq!(
        card["base_digest"].as_str(),
        Some(juxta::generate::digest(&Folder::Disk(base())).unwrap().as_str())
    );
    assert!(String::from_utf8(file(&out, "README.md")).unwrap().contains("## Held-out loss"));
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["tuned"]);
}

/// The loader adds the adapter up in its own way and checks the card's digest of the base.
#[test]
fn what_was_trained_is_what_answers() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("tuned");
    let about = Card { base: base().display().to_string(), ..card() };
    let all = pairs(4);
    let recipe = recipe();
    train(&Folder::Disk(base()), &all, &[], &recipe, &out, &about, &|_| (), &Cancel::new()).unwrap();
    let registry = Registry::discover(None);
    let tuned = registry.find(&out.display().to_string()).unwrap();
    assert_eq!(tuned.trained_on.as_ref().map(|t| t.examples), Some(4));
    let model = Model::load(&tuned, &registry, SILENT, &Cancel::new()).unwrap();

    let weights = file(&out, "adapter_model.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let values = |name: &str| {
        let data = tensors.tensor(name).ok()?.data();
        Some(data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    };
    let mut probe = Probe::open(&Folder::Disk(base())).unwrap();
    let tokens: Vec<u32> = (3..40).collect();
    let before = probe.logits(&tokens);
    probe.adapt(&recipe, &values).unwrap();
    let (logits, answering) = (probe.logits(&tokens), model.logits(&tokens).unwrap());
    let last = logits.len() - answering.len()..;
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(apart(&logits[last.clone()], &answering) < 1e-4);
    assert!(apart(&before[last], &answering) > 0.1);
}

fn full() -> Recipe {
    Recipe { learning_rate: 0.005, ..Recipe { method: Method::Full, weight_decay: 0.01, ..recipe() } }
}

/// A base that puts a space before its answers is not taught to leave it out, nor one that puts none to put one.
#[test]
fn answers_are_taught_as_the_base_would_sooner_begin_them() {
    let dir = tempfile::tempdir().unwrap();
    for before in ["", " "] {
        let spelt = |pair: Pair| Pair { answer: format!("{before}{}", pair.answer), ..pair };
        let base = dir.path().join(format!("base{}", before.len()));
        let like_itself: Vec<Pair> = pairs(10).into_iter().map(spelt).collect();
        run(&like_itself, &Recipe { epochs: 20, ..full() }, &base).unwrap();
        let out = dir.path().join(format!("tuned{}", before.len()));
        let (base, about) = (Folder::Disk(base), card());
        let outcome =
            train(&base, &pairs(10), &[], &recipe(), &out, &about, &|_| (), &Cancel::new()).unwrap();
        assert_eq!(outcome.spaced, !before.is_empty());
        let said = String::from_utf8(file(&out, "README.md")).unwrap();
        assert_eq!(said.contains("taught with a space before them"), outcome.spaced, "{said}");
    }
}

/// A whole model is read back by the engine that answers, and is what the trainer had in the end.
#[test]
fn all_weights_are_trained_and_what_was_trained_is_what_answers() {
    let dir = tempfile::tempdir().unwrap();
    for model in ["tied", "untied"] {
        let base = base().with_file_name(model);
        let out = dir.path().join(model);
        let about = Card { base: base.display().to_string(), ..card() };
        let (all, recipe) = (pairs(10), Recipe { epochs: 10, ..full() });
        let outcome = train(
            &Folder::Disk(base.clone()),
            &all,
            &all[..2],
            &recipe,
            &out,
            &about,
            &|_| (),
            &Cancel::new(),
        )
        .unwrap();
        let held_out = outcome.held_out.unwrap();
        assert!(held_out.after < 0.5 * held_out.before, "{held_out:?}");

        let registry = Registry::discover(None);
        let tuned = registry.find(&out.display().to_string()).unwrap();
        assert_eq!(tuned.kind.base(), Some(about.base.as_str()));
        assert_eq!(tuned.trained_on.as_ref().map(|t| t.examples), Some(10));
        let answering = Model::load(&tuned, &registry, SILENT, &Cancel::new()).unwrap();
        let (before, after) = (Folder::Disk(base), Folder::Disk(out.clone()));
        assert_eq!(before.read("tokenizer.json").unwrap(), after.read("tokenizer.json").unwrap());
        let tokens: Vec<u32> = (3..40).collect();
        let logits = answering.logits(&tokens).unwrap();
        let probed = |folder: &Folder| {
            let all = Probe::open(folder).unwrap().logits(&tokens);
            all[all.len() - logits.len()..].to_vec()
        };
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(apart(&probed(&after), &logits) < 1e-4);
        assert!(apart(&probed(&before), &logits) > 0.1);
        // Every tensor has moved.
        let read = |folder: &Folder| {
            candle_core::safetensors::load_buffer(
                &folder.read("model.safetensors").unwrap(),
                &candle_core::Device::Cpu,
            )
            .unwrap()
        };
        let (before, after) = (read(&before), read(&after));
        assert_eq!(before.len(), after.len());
        for (name, old) in &before {
            let flat = |t: &candle_core::Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(old.dims(), after[name].dims());
            assert_ne!(flat(old), flat(&after[name]), "{name}");
        }
        let card = String::from_utf8(file(&out, "model.toml")).unwrap();
        assert!(card.contains("method = \"full\"") && !card.contains("rank"), "{card}");
    }
}

#[test]
fn an_interrupted_run_on_all_weights_goes_on_to_the_same_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, broken) = (dir.path().join("whole"), dir.path().join("broken"));
    run(&pairs(10), &full(), &whole).unwrap();
    let cancel = Cancel::new();
    let report = |status: Status| {
        if matches!(status, Status::Step { step: 7, .. }) {
            cancel.cancel();
        }
    };
    let all = pairs(10);
    let base = Folder::Disk(base());
    let stopped = train(&base, &all, &all[..2], &full(), &broken, &card(), &report, &cancel);
    assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
    run(&pairs(10), &full(), &broken).unwrap();
    for name in ["model.safetensors", "config.json", "tokenizer.json", "model.toml", "README.md"] {
        assert!(file(&whole, name) == file(&broken, name), "{name}");
    }
}

#[test]
fn the_same_seed_makes_the_same_bytes_and_another_seed_others() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = Recipe { dropout: 0.1, epochs: 2, ..recipe() };
    let weights = |name: &str, recipe: &Recipe| {
        let out = dir.path().join(name);
        run(&pairs(7), recipe, &out).unwrap();
        file(&out, "adapter_model.safetensors")
    };
    let first = weights("first", &recipe);
    assert_eq!(first, weights("second", &recipe));
    assert_ne!(first, weights("third", &Recipe { seed: 2, ..recipe }));
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_folder() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = Recipe { dropout: 0.1, ..recipe() };
    let (whole, broken) = (dir.path().join("whole"), dir.path().join("broken"));
    let expected = run(&pairs(10), &recipe, &whole).unwrap();
    // 16 steps, stopped after the 7th and again after the 12th.
    for stop in [7, 12] {
        let cancel = Cancel::new();
        let report = |status: Status| {
            if matches!(status, Status::Step { step, .. } if step == stop) {
                cancel.cancel();
            }
        };
        let all = pairs(10);
        let stopped =
            train(&Folder::Disk(base()), &all, &all[..2], &recipe, &broken, &card(), &report, &cancel);
        assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
        assert!(!broken.exists());
    }
    let found = run(&pairs(10), &recipe, &broken).unwrap();
    assert_eq!(
        (found.losses, found.held_out, found.tokens),
        (expected.losses, expected.held_out, expected.tokens)
    );
    for name in ["adapter_model.safetensors", "adapter_config.json", "model.toml", "README.md"] {
        assert!(file(&whole, name) == file(&broken, name), "{name}");
    }
}

#[test]
fn an_interrupted_run_of_another_recipe_is_not_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("tuned");
    let cancel = Cancel::new();
    cancel.cancel();
    let report = |_| ();
    let all = pairs(5);
    let stopped = train(&Folder::Disk(base()), &all, &[], &recipe(), &out, &card(), &report, &cancel);
    assert!(matches!(stopped, Err(Error::Cancelled)));
    // Stopped before the first step there is nothing to protect; after one there is.
    let cancel = Cancel::new();
    let report = |status| {
        if matches!(status, Status::Step { .. }) {
            cancel.cancel();
        }
    };
    let stopped = train(&Folder::Disk(base()), &all, &[], &recipe(), &out, &card(), &report, &cancel);
    assert!(matches!(stopped, Err(Error::Cancelled)));
    let other = Recipe { learning_rate: 0.001, ..recipe() };
    let said = said(train(&Folder::Disk(base()), &all, &[], &other, &out, &card(), &|_| (), &Cancel::new()));
    assert!(said.contains("tuned.part") && said.contains("another recipe"), "{said}");
}

#[test]
fn what_is_there_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("mine");
    std::fs::create_dir(&out).unwrap();
    let said = said(run(&pairs(3), &recipe(), &out));
    assert!(said.contains("mine") && said.contains("already there"), "{said}");
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_names_the_pair() {
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("base");
    std::fs::create_dir(&broken).unwrap();
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(base().join(name), broken.join(name)).unwrap();
    }
    // NaN in the embedding of "Z", which only the pair p4 has in its prompt.
    let device = candle_core::Device::Cpu;
    let mut tensors = candle_core::safetensors::load(base().join("model.safetensors"), &device).unwrap();
    let name = "model.embed_tokens.weight";
    let mut rows = tensors[name].to_vec2::<f32>().unwrap();
    rows[3 + 26 + 25].fill(f32::NAN);
    tensors.insert(name.into(), candle_core::Tensor::new(rows, &device).unwrap());
    candle_core::safetensors::save(&tensors, broken.join("model.safetensors")).unwrap();

    let mut all = pairs(6);
    // The output matrix is the embedding, so the broken row would spoil every pair's logits: take the untied model's
    // way and keep it out of the targets by giving the head its own copy.
    let config = std::fs::read_to_string(base().join("config.json")).unwrap();
    std::fs::write(
        broken.join("config.json"),
        config.replace("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false"),
    )
    .unwrap();
    let head = candle_core::safetensors::load(base().join("model.safetensors"), &device).unwrap();
    tensors.insert("lm_head.weight".into(), head[name].clone());
    candle_core::safetensors::save(&tensors, broken.join("model.safetensors")).unwrap();
    all[4].prompt.push('Z');

    let out = dir.path().join("tuned");
    let recipe = Recipe { accumulate: 2, ..recipe() };
    let said = said(train(&Folder::Disk(broken), &all, &[], &recipe, &out, &card(), &|_| (), &Cancel::new()));
    assert!(said.contains("pair p4") && said.contains("not a number"), "{said}");
    assert!(!out.exists());
    let kept = candle_core::safetensors::load(dir.path().join("tuned.part/checkpoint.safetensors"), &device)
        .unwrap();
    assert!(kept["values"].to_vec1::<f32>().unwrap().iter().all(|v| v.is_finite()));
}

#[test]
fn a_base_of_another_architecture_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.json"), r#"{"model_type": "rwkv"}"#).unwrap();
    let base = Folder::Disk(dir.path().into());
    let out = dir.path().join("out");
    let said = said(train(&base, &pairs(2), &[], &recipe(), &out, &card(), &|_| (), &Cancel::new()));
    assert!(said.contains("rwkv") && said.contains("llama"), "{said}");
}

#[test]
fn no_pairs_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let base = Folder::Disk(base());
    let out = dir.path().join("out");
    let said = said(train(&base, &[], &[], &recipe(), &out, &card(), &|_| (), &Cancel::new()));
    assert!(said.contains("training pairs") && !dir.path().join("out.part").exists(), "{said}");
}
