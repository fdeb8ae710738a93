//! How text is split into words before byte-level BPE merges them, by the names that llama.cpp gives to the ways
//! (`tokenizer.ggml.pre`): each is the `pre_tokenizer` of the Hugging Face tokenizers that the name stands for.
//!
//! A way that is not known is no way: candle's converter takes GPT-2's for it, and llama.cpp warns that answers get worse.

use tokenizers::Result;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;

/// One way: regular expressions, each of which splits what the ones before left.
#[derive(Clone, Copy)]
pub(super) struct Way {
    regexes: &'static [&'static str],
    /// Whether a word that is a token is that token, whatever its merges would make of it.
    pub(super) ignore_merges: bool,
    /// Whether text is composed first.
    composed: bool,
    /// Whether prompts begin with the first token where the file does not say.
    pub(super) asks_first: bool,
}

const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT_4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEEPSEEK_3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;
const DEEPSEEK_CODER: [&str; 5] = [
    r"[\r\n]",
    r"\s?\p{L}+",
    r"\s?\p{P}+",
    "[\u{4e00}-\u{9fa5}\u{800}-\u{4e00}\u{ac00}-\u{d7ff}]+",
    r"\p{N}",
];
const BLOOM: &str = r" ?[^(\s|.,!?…。，、।۔،)]+";

const fn way(regexes: &'static [&'static str]) -> Way {
    Way { regexes, ignore_merges: false, composed: false, asks_first: false }
}

/// The way of that name.
pub(super) fn named(name: &str) -> Option<Way> {
    Some(match name {
        "gpt-2" | "gpt2" | "phi-2" | "mpt" | "olmo" | "jais" | "trillion" | "granite-docling"
        | "gigachat" | "roberta-bpe" | "jina-es" | "jina-de" | "jina-v2-es" | "jina-v2-de" => way(&[GPT_2]),
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" => {
            way(&[r"\p{N}", GPT_2])
        }
        "llama-bpe" | "llama3" | "llama-v3" | "falcon3" | "pixtral" | "lfm2" => {
            Way { ignore_merges: true, asks_first: true, ..way(&[LLAMA_3]) }
        }
        "dbrx" | "smaug-bpe" | "glm4" | "chatglm-bpe" => way(&[LLAMA_3]),
        "qwen2" | "deepseek-r1-qwen" | "stablelm2" | "megrez" => Way { composed: true, ..way(&[QWEN_2]) },
        "qwen35" => Way { composed: true, ..way(&[QWEN_35]) },
        "tekken" => Way { ignore_merges: true, asks_first: true, ..way(&[TEKKEN]) },
        "gpt-4o" | "llama4" => way(&[GPT_4O]),
        "deepseek-coder" => way(&DEEPSEEK_CODER),
        "deepseek-v3" => {
            way(&[r"\p{N}{1,3}", "[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+", DEEPSEEK_3])
        }
        "falcon" => way(&[r"[\p{P}$+<=>^~|`]+", GPT_2, "[0-9][0-9][0-9]"]),
        "poro-chat" | "bloom" | "gpt3-finnish" => way(&[BLOOM]),
        "viking" => way(&[BLOOM, r"\p{N}"]),
        "default" => way(&[r"[\p{P}$+<=>^~|]+", GPT_2, r"\p{N}+", "[0-9][0-9][0-9]"]),
        _ => return None,
    })
}

impl Way {
    /// What the text is made into before it is split.
    pub(super) fn normalizer(self) -> Option<NormalizerWrapper> {
        self.composed.then(|| NFC.into())
    }

    /// The splitting, and bytes as letters.
    pub(super) fn pre_tokenizer(self) -> Result<PreTokenizerWrapper> {
        let mut steps: Vec<PreTokenizerWrapper> = Vec::new();
        for regex in self.regexes {
            let pattern = SplitPattern::Regex((*regex).to_owned());
            steps.push(Split::new(pattern, SplitDelimiterBehavior::Isolated, false)?.into());
        }
        steps.push(ByteLevel::new(false, true, false).into());
        Ok(Sequence::new(steps).into())
    }
}
