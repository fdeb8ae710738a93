//! Text as such: what of it may be shown, its sentences, its words. Knows nothing of corpora, models or the
//! terminal; every range is in bytes of the text that was given, on character boundaries.

mod bounds;
mod counted;
mod json;
mod numbered;
mod remembering;
mod sentences;
mod terms;
mod visible;
mod words;

pub use counted::{counted, grouped, plural};
pub use json::{json, json_line};
pub use numbered::by_numbers;
pub use sentences::sentences;
pub use terms::{Term, Terms};
pub use visible::{Cluster, clusters, one_line, quoted, visible};
pub use words::{Word, fold, is_stop_word, word_count, words};
