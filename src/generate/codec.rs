//! Between text and tokens: the tokenizer, the tokens with a name, the chat template, and the stream that turns
//! tokens into whole characters.
//!
//! Knows how Hugging Face folders lay these out; what GGUF files hold is put together in `gguf`. Knows no weights.

use super::settings::Settings;
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use crate::prompt::{Message, Template};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokenizers::Tokenizer;

const TOKENIZER: &str = "tokenizer.json";
const CONFIG: &str = "tokenizer_config.json";
const TEMPLATE: &str = "chat_template.jinja";
/// More names of special tokens than any text holds by chance.
const ROUNDS: usize = 4_096;

/// Text to tokens and back, and messages to text, the way one model was trained.
#[derive(Debug)]
pub struct Codec {
    tokenizer: Arc<Tokenizer>,
    /// Put before a prompt that does not begin with it.
    first: Option<u32>,
    /// Tokens that end an answer.
    stops: BTreeSet<u32>,
    template: Option<Template>,
    /// The names of special tokens, the longest first.
    specials: Vec<String>,
    /// The tokens that have names (`bos_token`, …).
    named: BTreeMap<String, String>,
    /// Tokens that stand for their own letters, whatever the decoder makes of those.
    literal: BTreeMap<u32, String>,
    place: String,
}

impl Codec {
    /// Puts one together; `first` is a token that every prompt must begin with.
    pub(super) fn new(
        tokenizer: Arc<Tokenizer>,
        first: Option<u32>,
        stops: BTreeSet<u32>,
        template: Option<Template>,
        place: String,
    ) -> Self {
        let added = tokenizer.get_added_tokens_decoder();
        let mut specials: Vec<String> =
            added.into_values().filter(|t| t.special).map(|t| t.content).collect();
        specials.retain(|name| name.chars().count() > 1);
        specials.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let (named, literal) = (BTreeMap::new(), BTreeMap::new());
        Self { tokenizer, first, stops, template, specials, named, literal, place }
    }

    /// With tokens that stand for their own letters: a byte-level decoder would take `ü` for the byte that it spells so.
    pub(super) fn with_literal(self, literal: BTreeMap<u32, String>) -> Self {
        Self { literal, ..self }
    }

    /// Reads tokenizer.json, tokenizer_config.json and the chat template of a folder.
    ///
    /// # Errors
    /// A [`Fault`] that names the file that is missing or broken.
    pub(super) fn read(folder: &Folder, eos: &[u32]) -> Result<Self> {
        let tokenizer = shared_tokenizer(folder)?;
        let config = if folder.has(CONFIG) { Some(Settings::read(folder, CONFIG)?) } else { None };
        let specials = specials(folder, config.as_ref())?;
        let mut stops: BTreeSet<u32> = eos.iter().copied().collect();
        stops.extend(specials.get("eos_token").and_then(|t| tokenizer.token_to_id(t)));
        let template = template(folder, config.as_ref(), specials.clone())?;
        let codec = Self::new(tokenizer, None, stops, template, folder.place(TOKENIZER));
        Ok(Self { named: specials, ..codec })
    }

    /// Whether `folder` brings a tokenizer of its own.
    pub(super) fn in_folder(folder: &Folder) -> bool {
        folder.has(TOKENIZER)
    }

    /// The tokens of `text`, as it stands: nothing is put before or behind it, and the names of special tokens
    /// within it become those tokens.
    ///
    /// # Errors
    /// A [`Fault`] if the tokenizer fails on it.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(|e| broken(&self.place, &*e))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The tokens of a whole prompt: those of `text`, after the first token that the model asks for.
    ///
    /// # Errors
    /// As [`Codec::encode`].
    pub fn encode_prompt(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = self.encode(text)?;
        if let Some(first) = self.first
            && ids.first() != Some(&first)
        {
            ids.insert(0, first);
        }
        Ok(ids)
    }

    /// The text of `tokens`, without special tokens.
    ///
    /// # Errors
    /// A [`Fault`] if the tokenizer fails on them.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        let spelt =
            |tokens: &[u32]| self.tokenizer.decode(tokens, true).map_err(|e| broken(&self.place, &*e));
        let mut text = String::new();
        for run in tokens.chunk_by(|a, b| self.literal.contains_key(a) == self.literal.contains_key(b)) {
            match run.iter().map(|id| self.literal.get(id).map(String::as_str)).collect::<Option<String>>() {
                Some(literal) => text += &literal,
                None => text += &spelt(run)?,
            }
        }
        Ok(text)
    }

    /// The prompt that asks for the next turn, in the model's own chat template. The names of special tokens within
    /// the messages are broken up by a space: a passage must not end a turn or begin another.
    ///
    /// # Errors
    /// A [`Fault`] if the model has no template or it fails.
    pub fn render(&self, messages: &[Message]) -> Result<String> {
        match &self.template {
            Some(template) => {
                let harmless: Vec<Message> = messages
                    .iter()
                    .map(|m| Message { content: self.defused(&m.content), ..m.clone() })
                    .collect();
                template.render(&harmless)
            }
            None => Err(Fault::new(&self.place, "a model without a chat template")
                .expected(format!("one in tokenizer_config.json, in {TEMPLATE}, or in the GGUF file"))
                .next(format!(
                    "Put the template that the model was trained with in {TEMPLATE} beside its weights."
                ))
                .into()),
        }
    }

    fn defused(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // Breaking one name up can put another together. Text made to do so again and again is hostile: what is left
        // of a name after some rounds is taken out.
        for round in 0..ROUNDS {
            let Some(name) = self.specials.iter().find(|name| text.contains(name.as_str())) else { break };
            let first = name.chars().next().map_or(0, char::len_utf8);
            let broken = if round + self.specials.len() < ROUNDS {
                format!("{} {}", &name[..first], &name[first..])
            } else {
                String::new()
            };
            text = text.replace(name.as_str(), &broken);
        }
        text
    }

    /// Whether `token` ends an answer.
    pub fn stops(&self, token: u32) -> bool {
        self.stops.contains(&token)
    }

    /// Tokens that end an answer.
    pub fn stop_tokens(&self) -> impl Iterator<Item = u32> {
        self.stops.iter().copied()
    }

    /// BLAKE3 of the chat template's text, as hex.
    pub fn template_digest(&self) -> Option<&str> {
        self.template.as_ref().map(Template::digest)
    }

    /// The chat template's text.
    pub(super) fn template_source(&self) -> Option<&str> {
        self.template.as_ref().map(Template::source)
    }

    /// Whether the template refuses a system message, so that its text is put above the first question.
    pub fn folds_system(&self, messages: &[Message]) -> bool {
        self.template.as_ref().is_some_and(|template| template.folds_system(messages))
    }

    /// The token that every prompt is made to begin with.
    pub(super) fn begins_with(&self) -> Option<u32> {
        self.first
    }

    /// The token that has this name (`bos_token`, …).
    pub(super) fn named(&self, name: &str) -> Option<u32> {
        self.tokenizer.token_to_id(self.named.get(name)?)
    }

    /// The id of a token.
    pub(super) fn id_of(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// How many tokens it knows.
    pub fn size(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// One more than the largest token it knows.
    pub(super) fn end(&self) -> usize {
        self.tokenizer.get_vocab(true).values().max().map_or(0, |id| *id as usize + 1)
    }

    /// A token that both have under different ids, or the first of this one's that the other has not; `None` if there is
    /// none. Tokens that were added behind the other's are no difference.
    pub(super) fn differs_from(&self, other: &Self) -> Option<String> {
        if Arc::ptr_eq(&self.tokenizer, &other.tokenizer) {
            return None;
        }
        let theirs = other.tokenizer.get_vocab(true);
        let end = other.end();
        let differs = |(token, id): &(String, u32)| match theirs.get(token) {
            Some(same) => same != id,
            None => (*id as usize) < end && other.tokenizer.id_to_token(*id).is_some(),
        };
        let mut own: Vec<(String, u32)> =
            self.tokenizer.get_vocab(true).into_iter().filter(differs).collect();
        own.sort_by_key(|(_, id)| *id);
        own.into_iter().next().map(|(token, id)| format!("{token:?} as number {id}"))
    }

    /// BLAKE3 over its tokens and their ids, as hex: what tells whether two models count and read alike.
    pub fn tokens_digest(&self) -> String {
        let mut tokens: Vec<(u32, String)> =
            self.tokenizer.get_vocab(true).into_iter().map(|(token, id)| (id, token)).collect();
        tokens.sort();
        let mut hasher = blake3::Hasher::new();
        for (id, token) in tokens {
            hasher.update(&id.to_le_bytes()).update(token.as_bytes()).update(b"\n");
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Where it was read from.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// As tokenizer.json has it.
    pub(super) fn to_json(&self) -> Result<serde_json::Value> {
        let text = self.tokenizer.to_string(false).map_err(|e| broken(&self.place, &*e))?;
        serde_json::from_str(&text).map_err(|e| broken(&self.place, &e))
    }

    /// A stream of text for the tokens of one answer.
    pub(super) fn stream(&self) -> Stream<'_> {
        Stream::new(self)
    }

    /// That no token lies beyond the model's `vocabulary`.
    pub(super) fn check(&self, ids: &[u32], vocabulary: usize) -> Result<()> {
        match ids.iter().find(|id| **id as usize >= vocabulary) {
            None => Ok(()),
            Some(id) => Err(Fault::new(&self.place, format!("the token {id}"))
                .expected(format!("tokens below the model's vocabulary of {vocabulary}"))
                .next("Check that the tokenizer and the weights are of the same model.")
                .into()),
        }
    }
}

/// A folder's tokenizer for whole prompts: the one in memory, if somebody has it, since a base and its adapters have the same.
fn shared_tokenizer(folder: &Folder) -> Result<Arc<Tokenizer>> {
    static SHARED: Mutex<Vec<(blake3::Hash, Weak<Tokenizer>)>> = Mutex::new(Vec::new());
    let (bytes, place) = (folder.read(TOKENIZER)?, folder.place(TOKENIZER));
    let hash = blake3::hash(&bytes);
    let mut all = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|(_, tokenizer)| tokenizer.strong_count() > 0);
    if let Some(tokenizer) = all.iter().find(|(of, _)| *of == hash).and_then(|(_, t)| t.upgrade()) {
        return Ok(tokenizer);
    }
    let tokenizer = for_whole_prompts(parsed(&bytes, &place)?, &place)?;
    all.push((hash, Arc::downgrade(&tokenizer)));
    Ok(tokenizer)
}

/// Files often carry the lengths of somebody's training; a prompt cut off in silence would be a lie.
pub(super) fn for_whole_prompts(mut tokenizer: Tokenizer, place: &str) -> Result<Arc<Tokenizer>> {
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|e| broken(place, &*e))?;
    Ok(Arc::new(tokenizer))
}

/// Reads a tokenizer.json.
pub(super) fn read_tokenizer(folder: &Folder, file: &str) -> Result<Tokenizer> {
    parsed(&folder.read(file)?, &folder.place(file))
}

fn parsed(bytes: &[u8], place: &str) -> Result<Tokenizer> {
    /// What the library takes for granted where it looks closer, and panics: that these are JSON to the last escape,
    /// which nothing checks in what it skips.
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Granted {
        normalizer: serde_json::Value,
        #[serde(rename = "decoder")]
        _decoder: serde_json::Value,
    }
    let granted: Granted = serde_json::from_slice(bytes).map_err(|e| broken(place, &e))?;
    if has_type(&granted.normalizer, "Precompiled") {
        return Err(broken(place, &"a normaliser of type Precompiled, as T5 has it"));
    }
    Tokenizer::from_bytes(bytes).map_err(|e| broken(place, &*e))
}

/// Whether something within a value is of that type.
fn has_type(value: &serde_json::Value, name: &str) -> bool {
    match value {
        serde_json::Value::Object(map) => {
            map.get("type").is_some_and(|t| t == name) || map.values().any(|v| has_type(v, name))
        }
        serde_json::Value::Array(list) => list.iter().any(|v| has_type(v, name)),
        _ => false,
    }
}

fn broken(place: &str, error: &dyn std::fmt::Display) -> crate::fault::Error {
    Fault::new(place, error)
        .expected("a tokenizer as Hugging Face tokenizers writes it")
        .next("Copy tokenizer.json again from where the model came from, or save it with transformers.")
        .into()
}

/// The tokens that have names (`bos_token`, …), from tokenizer_config.json or special_tokens_map.json.
fn specials(folder: &Folder, config: Option<&Settings>) -> Result<BTreeMap<String, String>> {
    let map = if folder.has("special_tokens_map.json") {
        Some(Settings::read(folder, "special_tokens_map.json")?)
    } else {
        None
    };
    let mut specials = BTreeMap::new();
    for settings in [map.as_ref(), config].into_iter().flatten() {
        for (key, value) in settings.iter().filter(|(key, _)| key.ends_with("_token")) {
            if let Some(text) = value.as_str().or_else(|| value.get("content")?.as_str()) {
                specials.insert(key.to_owned(), text.to_owned());
            }
        }
    }
    Ok(specials)
}

/// The chat template: chat_template.jinja before tokenizer_config.json, as transformers has it.
pub(super) fn template(
    folder: &Folder,
    config: Option<&Settings>,
    specials: BTreeMap<String, String>,
) -> Result<Option<Template>> {
    if folder.has(TEMPLATE) {
        return Template::new(&folder.read_text(TEMPLATE)?, specials, &folder.place(TEMPLATE)).map(Some);
    }
    let Some((config, value)) = config.and_then(|c| Some((c, c.get("chat_template")?))) else {
        return Ok(None);
    };
    // Either the text, or a list of texts with names, of which one is the default.
    let named = |name: &str| {
        value.as_array()?.iter().find(|v| v.get("name").is_some_and(|n| n == name))?.get("template")?.as_str()
    };
    match value.as_str().or_else(|| named("default")) {
        Some(text) => Template::new(text, specials, &format!("{} chat_template", config.place)).map(Some),
        None => Err(Fault::new(&config.place, "a chat_template that is no text and has no default")
            .expected("a text, or a list with one named default")
            .next(format!("Put the template in {TEMPLATE} beside the model's weights."))
            .into()),
    }
}

/// Turns the tokens of an answer into text, piece by piece.
///
/// A character can take several tokens, and what a token adds can depend on the one before it (a leading space):
/// so each piece is the difference between decoding with and without the newest tokens, held back while it ends
/// within a character. tokenizers' own `DecodeStream` does the same but fails for good on the rare sequence
/// whose text changes in hindsight; here such a piece is told as it then is.
pub(super) struct Stream<'a> {
    codec: &'a Codec,
    ids: Vec<u32>,
    /// Where the tokens start that are decoded each time: one piece before the newest, for its context.
    from: usize,
    /// How many tokens there were when the text last ended with a whole character.
    whole: usize,
    /// What was told of the text from `from`.
    told: String,
}

impl<'a> Stream<'a> {
    /// After so many tokens within a character it is none, and text before it is no longer held back.
    const LONGEST: usize = 8;
    /// A character that is not at its end shows as U+FFFD, in some decoders once for each of its bytes.
    const UNFINISHED: usize = 3;

    fn new(codec: &'a Codec) -> Self {
        Self { codec, ids: Vec::new(), from: 0, whole: 0, told: String::new() }
    }

    /// Takes the next token; gives the text that is now certain.
    pub(super) fn push(&mut self, id: u32) -> Result<Option<String>> {
        self.ids.push(id);
        let mut text = self.codec.decode(&self.ids[self.from..])?;
        if !text.ends_with(char::REPLACEMENT_CHARACTER) {
            let piece = self.not_told(&text);
            self.from = self.whole;
            self.whole = self.ids.len();
            self.told = self.codec.decode(&self.ids[self.from..])?;
            return Ok(piece);
        }
        if self.ids.len() - self.whole < Self::LONGEST {
            return Ok(None);
        }
        for _ in 0..Self::UNFINISHED {
            if text.ends_with(char::REPLACEMENT_CHARACTER) {
                text.pop();
            }
        }
        let piece = self.not_told(&text);
        self.told = text;
        Ok(piece)
    }

    /// What is still held back, with U+FFFD for a character that never came to its end.
    pub(super) fn finish(self) -> Result<Option<String>> {
        let text = self.codec.decode(&self.ids[self.from..])?;
        Ok(self.not_told(&text))
    }

    fn not_told(&self, text: &str) -> Option<String> {
        let same = text.chars().zip(self.told.chars()).take_while(|(a, b)| a == b).count();
        let piece: String = text.chars().skip(same).collect();
        (!piece.is_empty()).then_some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokenizers::models::bpe::BPE;
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;

    /// One token for each byte (id = its place in the sorted alphabet) and one that is special.
    fn bytes() -> Codec {
        let mut letters: Vec<char> = ByteLevel::alphabet().into_iter().collect();
        letters.sort_unstable();
        let vocabulary = letters.iter().zip(0u32..).map(|(c, id)| (c.to_string(), id));
        let model = BPE::builder()
            .vocab_and_merges(vocabulary.collect::<tokenizers::models::bpe::Vocab>(), Vec::new());
        let mut tokenizer = Tokenizer::new(model.build().expect("a model"));
        tokenizer
            .with_pre_tokenizer(Some(ByteLevel::new(false, true, false)))
            .with_decoder(Some(ByteLevel::new(false, true, false)));
        tokenizer.add_special_tokens([tokenizers::AddedToken::from("<|end|>", true)]).expect("added");
        Codec::new(Arc::new(tokenizer), None, BTreeSet::from([256]), None, "made".to_owned())
    }

    #[test]
    fn a_token_that_stands_for_its_own_letters_is_not_taken_for_a_byte() {
        let literal = BTreeMap::from([(0, "ü".to_owned())]);
        let codec = bytes().with_literal(literal);
        let a = codec.encode("a").expect("encodes");
        let ids = [&a[..], &[0], &a[..]].concat();
        assert_eq!(codec.decode(&ids).expect("decodes"), "aüa");
        assert_eq!(streamed(&codec, &ids).concat(), "aüa");
    }

    fn streamed(codec: &Codec, ids: &[u32]) -> Vec<String> {
        let mut stream = codec.stream();
        let mut pieces = Vec::new();
        for id in ids {
            pieces.extend(stream.push(*id).expect("decodes"));
        }
        pieces.extend(stream.finish().expect("decodes"));
        pieces
    }

    proptest! {
        #[test]
        fn pieces_are_whole_characters_that_make_up_the_text(text in any::<String>()) {
            let codec = bytes();
            let ids = codec.encode(&text).expect("encodes");
            let pieces = streamed(&codec, &ids);
            prop_assert_eq!(pieces.concat(), text.clone());
            // What decodes to U+FFFD looks like half a character and is held back a little.
            if !text.contains('\u{fffd}') {
                prop_assert_eq!(pieces.len(), text.chars().count(), "each is told as soon as it is whole");
            }
        }

        #[test]
        fn nonsense_bytes_lose_no_later_text(ids in prop::collection::vec(0u32..256, 0..40)) {
            let codec = bytes();
            let mut all = ids;
            all.extend(codec.encode("and then?").expect("encodes"));
            let told = streamed(&codec, &all).concat();
            prop_assert!(told.ends_with("and then?"), "{told:?}");
        }
    }

    #[test]
    fn half_a_character_is_told_as_one_that_is_unknown() {
        let codec = bytes();
        let ids = codec.encode("a🦙").expect("encodes");
        assert_eq!(ids.len(), 5);
        assert_eq!(streamed(&codec, &ids[..3]), ["a", "\u{fffd}"]);
    }

    #[test]
    fn what_stays_no_character_is_not_held_back_for_ever() {
        let codec = bytes();
        // 0xff begins nothing.
        let byte = codec.encode("ÿ").expect("encodes")[0];
        let mut stream = codec.stream();
        let first = (0..20).position(|_| stream.push(byte).expect("decodes").is_some());
        assert!(first.is_some_and(|n| n < Stream::LONGEST), "{first:?}");
    }

    #[test]
    fn special_tokens_are_tokens_in_a_prompt_and_nothing_in_an_answer() {
        let codec = bytes();
        assert_eq!(codec.encode("<|end|>").expect("encodes"), [256]);
        assert!(codec.stops(256));
        assert_eq!(streamed(&codec, &[256]).concat(), "");
    }
}
