//! What a model is, and everything that is wrong with it, found out without loading it: what `juxta model check` tells and
//! what adding a model asks first.
//!
//! The loader stops at the first fault; here each part is looked at by itself, so that a person can mend all of them at
//! once. Sizes of files are looked at, weights are not read except for their digest.

use super::adapter::{self, Adapter};
use super::card::Card;
use super::checkpoint;
use super::codec::Codec;
use super::endpoint::Remote;
use super::gguf;
use super::identity::identity;
use super::recorded::Recorded;
use super::registry::{Contender, Kind, Registry};
use super::shape::Shape;
use super::weights::{Listing, files_of};
use crate::fault::{Error, Fault, Result};
use crate::job::{Cancel, memory};
use crate::prompt::{Message, Role};
use serde::Serialize;

/// Faults of one kind that are told before the rest is counted.
const TOLD: usize = 5;
/// A prompt with passages and its answer: what memory for keys and values is reckoned for, where the window has as much.
const USUAL_TOKENS: usize = 4_096;

/// What a model is.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// What it is called by.
    pub name: String,
    /// Where it lies.
    pub place: String,
    /// What it is made of.
    pub kind: Kind,
    /// The family of its architecture; an adapter's is its base's.
    pub architecture: Option<String>,
    /// Numbers in its weights.
    pub parameters: Option<u64>,
    /// The types of its numbers, as the files have them.
    pub numbers: Option<String>,
    /// Tokens that prompt and answer may have together.
    pub context_tokens: Option<usize>,
    /// Tokens in its vocabulary.
    pub vocabulary: Option<usize>,
    /// BLAKE3 of its tokens and ids, as hex: models with the same one count and read alike.
    pub tokens_digest: Option<String>,
    /// BLAKE3 of its chat template, as hex.
    pub template_digest: Option<String>,
    /// Whether its template refuses a system message, so that its text is put above the question.
    pub folds_system: bool,
    /// Bytes that it takes in memory: weights.
    pub weight_bytes: Option<u64>,
    /// Bytes that keys and values of one answer take, and for how many tokens.
    pub cache_bytes: Option<(u64, usize)>,
    /// BLAKE3 over everything that decides its answers, as hex.
    pub digest: Option<String>,
    /// What is wrong, so that it cannot answer.
    pub faults: Vec<Fault>,
    /// What is odd, and does not keep it from answering.
    pub remarks: Vec<Fault>,
    /// Name and place of what it was fine-tuned from, where that is here.
    #[serde(skip)]
    base: Option<(String, String)>,
}

impl Inspection {
    fn new(contender: &Contender) -> Self {
        Self {
            name: contender.name.clone(),
            place: contender.place(),
            kind: contender.kind.clone(),
            architecture: contender.architecture.clone(),
            parameters: contender.parameters,
            numbers: None,
            context_tokens: None,
            vocabulary: None,
            tokens_digest: None,
            template_digest: None,
            folds_system: false,
            weight_bytes: None,
            cache_bytes: None,
            digest: None,
            faults: Vec::new(),
            remarks: Vec::new(),
            base: None,
        }
    }

    /// Takes the fault of a part, or gives what the part is.
    fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(Error::Fault(fault)) => {
                if !self.faults.contains(&fault) {
                    self.faults.push(*fault);
                }
                None
            }
            Err(Error::Cancelled) => None,
        }
    }

    /// Bytes in memory with one answer of usual length.
    pub fn bytes(&self) -> Option<u64> {
        Some(self.weight_bytes?.saturating_add(self.cache_bytes.map_or(0, |(bytes, _)| bytes)))
    }

    fn shaped(&mut self, shape: &Shape, card_window: Option<usize>) {
        let window = card_window.map_or(shape.window(), |w| w.min(shape.window()));
        self.architecture = Some(shape.family.to_string());
        self.context_tokens = Some(window);
        self.vocabulary = Some(shape.vocabulary);
        let tokens = window.min(USUAL_TOKENS);
        self.cache_bytes = Some((shape.cache_bytes(tokens), tokens));
        if shape.positions > window {
            self.remarks.push(
                Fault::new(&self.place, format!("a window of {} tokens", shape.positions))
                    .expected(format!("at most {window} in juxta"))
                    .next("Longer prompts lose their last passages, and the trial says so."),
            );
        }
    }

    fn spoken(&mut self, codec: &Codec) {
        self.tokens_digest = Some(codec.tokens_digest());
        self.template_digest = codec.template_digest().map(str::to_owned);
        if let Some(vocabulary) = self.vocabulary
            && codec.end() > vocabulary
        {
            self.faults.push(
                Fault::new(codec.place(), format!("tokens up to {}", codec.end() - 1))
                    .expected(format!("tokens below the model's vocabulary of {vocabulary}"))
                    .next("Check that the tokenizer and the weights are of the same model."),
            );
        }
        let messages = [
            Message {
                role: Role::System,
                content: "Answer the question using only the passages.".to_owned(),
            },
            Message { role: Role::User, content: "[1] A title\nA passage.\n\nQuestion: What?".to_owned() },
        ];
        if self.take(codec.render(&messages)).is_some() {
            self.folds_system = codec.folds_system(&messages);
        }
        if codec.stop_tokens().next().is_none() {
            self.remarks.push(
                Fault::new(codec.place(), "no token that ends an answer")
                    .expected("eos_token_id in config.json, or eos_token in tokenizer_config.json")
                    .next("Name it there; answers go on to the limit otherwise."),
            );
        }
    }

    fn dense(&mut self, contender: &Contender) -> Option<(Shape, Codec)> {
        let card = self.take(Card::read(&contender.folder));
        let shape = self.take(Shape::read(&contender.folder));
        let files = self.take(files_of(&contender.folder));
        let listing = files.and_then(|files| self.take(Listing::open(&contender.folder, &files)));
        let mut shape = shape;
        if let (Some(shape), Some(listing)) = (&mut shape, &listing) {
            let (faults, bytes) = checkpoint::compare(shape, listing);
            let more = faults.len().saturating_sub(TOLD);
            self.faults.extend(faults.into_iter().take(TOLD));
            if more > 0 {
                self.faults.push(
                    Fault::new(listing.place(""), format!("{more} tensors more that do not fit"))
                        .expected("those that config.json asks for")
                        .next("Check that the weights and config.json are of the same model."),
                );
            }
            self.numbers = Some(listing.types());
            self.parameters = Some(bytes / 4);
            self.weight_bytes = Some(bytes);
        }
        if let Some(shape) = &shape {
            self.shaped(shape, card.and_then(|c| c.context_tokens));
        }
        let eos = shape.as_ref().map(|s| s.eos.clone()).unwrap_or_default();
        let codec = self.take(Codec::read(&contender.folder, &eos));
        if let Some(codec) = &codec {
            self.spoken(codec);
        }
        Some((shape?, codec?))
    }

    fn adapted(&mut self, contender: &Contender, registry: &Registry) {
        let adapter = self.take(Adapter::read(&contender.folder));
        let Some(base) = self.take(registry.base_of(contender)) else { return };
        if !base.kind.takes_adapters() {
            self.faults.push(
                Fault::new(
                    contender.place(),
                    format!("an adapter for {}, which is {}", base.name, base.kind),
                )
                .expected("an adapter for a Hugging Face folder or a GGUF file")
                .next("Add the base model, and name it with --base."),
            );
            return;
        }
        let mut under = Self::new(&base);
        let whole = match &base.file {
            Some(file) => under.quantised(&base, file),
            None => under.dense(&base),
        };
        for fault in under.faults {
            self.faults.push(Fault { found: format!("its base {}: {}", base.name, fault.found), ..fault });
        }
        self.architecture = under.architecture;
        self.parameters = under.parameters;
        self.context_tokens = under.context_tokens;
        self.vocabulary = under.vocabulary;
        self.weight_bytes = under.weight_bytes;
        self.cache_bytes = under.cache_bytes;
        self.template_digest = under.template_digest;
        self.tokens_digest = under.tokens_digest;
        self.folds_system = under.folds_system;
        if let Some(adapter) = &adapter {
            self.numbers = self.take(adapter.types());
        }
        let card = self.take(Card::read(&contender.folder)).unwrap_or_default();
        if let Some(window) = card.context_tokens {
            self.context_tokens = self.context_tokens.map(|w| w.min(window));
        }
        match (&card.base_digest, &adapter) {
            (Some(_), _) if base.file.is_some() => self.remarks.push(
                Fault::new(contender.place(), format!("an adapter on {}, a GGUF file", base.name))
                    .expected("the base that it was trained on, in other numbers: that cannot be told from the file")
                    .next("Compare it on the folder it was trained on, where the difference is to be the training's alone."),
            ),
            (Some(expected), Some(adapter)) => {
                self.take(adapter.check_base(expected, &base.folder, &base.name));
            }
            _ => {}
        }
        let Some((shape, codec)) = whole else { return };
        if let Some(adapter) = &adapter {
            self.take(adapter.check_shapes(&shape));
        }
        if Codec::in_folder(&contender.folder)
            && let Some(own) = self.take(Codec::read(&contender.folder, &shape.eos))
        {
            self.take(adapter::same_tokens(&own, &codec, &base.name));
            self.spoken(&own);
        }
    }

    /// Asks the server, as the first question would.
    fn served(&mut self, contender: &Contender) {
        if let Some(remote) = self.take(Remote::load(contender, &|_| {}, &Cancel::new())) {
            self.context_tokens = Some(remote.facts().context_tokens).filter(|tokens| *tokens > 0);
        }
    }

    fn quantised(&mut self, contender: &Contender, file: &str) -> Option<(Shape, Codec)> {
        let described = self.take(gguf::describe(&contender.folder, file))?;
        self.parameters = Some(described.parameters);
        self.numbers = Some(described.types);
        self.weight_bytes = Some(described.bytes);
        self.shaped(&described.shape, None);
        self.spoken(&described.codec);
        Some((described.shape, described.codec))
    }
}

/// Looks at everything of a model but the numbers in its weights, which are read for its digest.
pub fn inspect(contender: &Contender, registry: &Registry) -> Inspection {
    let mut seen = look(contender, registry);
    if matches!(contender.kind, Kind::Endpoint { .. }) {
        seen.served(contender);
    }
    if let (Some(needed), Some(free)) = (seen.bytes(), memory::available())
        && needed > free
    {
        seen.faults.push(too_large(&seen.place, needed, free));
    }
    if seen.faults.is_empty() {
        seen.digest = seen.take(identity(contender, registry));
    }
    seen
}

/// As [`inspect`], but without what takes long: no weights are read, no server is asked, and nothing is said of memory.
pub fn look(contender: &Contender, registry: &Registry) -> Inspection {
    let mut seen = Inspection::new(contender);
    seen.base = contender.kind.base().and_then(|_| registry.base_of(contender).ok()).map(|b| {
        let place = b.place();
        (b.name, place)
    });
    match (&contender.kind, &contender.file) {
        (Kind::Recorded, _) => {
            seen.take(Recorded::read(contender));
        }
        // Only the server itself knows more.
        (Kind::Endpoint { .. }, _) => {}
        (Kind::Gguf, Some(file)) => {
            seen.quantised(contender, file);
        }
        (Kind::Adapter { .. }, _) => seen.adapted(contender, registry),
        // A file's contender always has its file.
        (Kind::Gguf, None) => {}
        (Kind::Base | Kind::Full { .. }, _) => {
            seen.dense(contender);
            if contender.kind.base().is_some()
                && let Err(Error::Fault(fault)) = registry.base_of(contender)
            {
                seen.remarks.push(*fault);
            }
        }
    }
    seen
}

/// That the machine has the memory, before any of it is asked for.
pub(super) fn check_memory(place: &str, needed: u64) -> Result<()> {
    match memory::available() {
        Some(free) if needed > free => Err(too_large(place, needed, free).into()),
        _ => Ok(()),
    }
}

fn too_large(place: &str, needed: u64, free: u64) -> Fault {
    Fault::new(place, format!("a model that takes {} of memory", bytes(needed)))
        .expected(format!("at most the {} that this machine has free", bytes(free)))
        .next(
            "Choose a smaller or quantised model (GGUF), close other programs, or ask it on another machine.",
        )
}

/// A number of bytes as people say it.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut value = n as f64 / 1e3;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    match value {
        v if v < 10.0 => format!("{v:.1} {}", UNITS[unit]),
        v => format!("{v:.0} {}", UNITS[unit]),
    }
}

/// What should be known before `baseline` and `tuned` are compared: each a reason why what differs between their answers is
/// not the fine-tuning alone. Nothing of it keeps them from answering.
pub fn pair(baseline: &Inspection, tuned: &Inspection) -> Vec<Fault> {
    let place = format!("{},{}", baseline.name, tuned.name);
    let mut remarks = Vec::new();
    let mut remark = |found: String, expected: &str, next: &str| {
        remarks.push(Fault::new(&place, found).expected(expected).next(next));
    };
    if let Some(base) = tuned.kind.base() {
        match &tuned.base {
            Some((name, place)) if *name == baseline.name || *place == baseline.place => {}
            Some((name, _)) => remark(
                format!("{}, which was fine-tuned from {name} and not from {}", tuned.name, baseline.name),
                "a fine-tuned model and the base it was made from",
                &format!("Compare it with {name}."),
            ),
            None => remark(
                format!("{}, which was fine-tuned from {base}", tuned.name),
                "a fine-tuned model and the base it was made from",
                "Add that base, to compare it with.",
            ),
        }
    }
    let differ = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
    if differ(&baseline.architecture, &tuned.architecture) {
        let name = |i: &Inspection| i.architecture.clone().unwrap_or_default();
        remark(
            format!("architectures {} and {}", name(baseline), name(tuned)),
            "one architecture",
            "What differs is the model, not the fine-tuning; say so where you show it.",
        );
    } else if matches!((baseline.parameters, tuned.parameters), (Some(a), Some(b)) if a.abs_diff(b) > a / 50)
    {
        remark(
            "models of different sizes".to_owned(),
            "one size",
            "What differs is the size too; say so where you show it.",
        );
    }
    if differ(&baseline.tokens_digest, &tuned.tokens_digest) {
        remark(
            "two tokenizers".to_owned(),
            "one tokenizer",
            "Tokens and speeds cannot be compared; passages are packed for the one that takes more.",
        );
    }
    if differ(&baseline.template_digest, &tuned.template_digest) {
        remark(
            "two chat templates".to_owned(),
            "one chat template",
            "The same messages become different prompts; put one template beside both if they were trained with it.",
        );
    }
    let quantised = |i: &Inspection| i.kind == Kind::Gguf;
    if quantised(baseline) != quantised(tuned)
        || (quantised(baseline) && differ(&baseline.numbers, &tuned.numbers))
    {
        let numbers = |i: &Inspection| i.numbers.clone().unwrap_or_else(|| "unknown numbers".to_owned());
        remark(
            format!("weights in {} and {}", numbers(baseline), numbers(tuned)),
            "both in the same numbers",
            "Quantising changes answers too; take both in one form.",
        );
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_larger_than_the_machine_is_refused_with_both_sizes() {
        let Some(free) = memory::available() else { return };
        assert!(check_memory("small", free / 2).is_ok());
        let refused = check_memory("a model", u64::MAX / 2).expect_err("larger than any machine").to_string();
        assert!(refused.contains("9223372 TB of memory") && refused.contains("has free"), "{refused}");
    }

    #[test]
    fn bytes_are_said_as_people_say_them() {
        assert_eq!(
            [900, 16_800_000, 1_500_000_000, 999_600_000, u64::MAX].map(bytes),
            ["0.9 kB", "17 MB", "1.5 GB", "1.0 GB", "18446744 TB"]
        );
    }
}
