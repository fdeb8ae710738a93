//! A trial: one question, its passages, two answers side by side, streamed as events.
//!
//! Knows how to bring retrieval, prompt and generation together; nothing of the terminal, of judging, or of
//! where trials are kept.

mod pace;
mod pair;
mod run;
mod support;
mod trial;

pub use pace::{Course, PerToken, together};
pub use pair::{Models, Pair};
pub use run::{Asked, Event, Events, Request, again, answer, fits, pack, read_ahead, run};
pub use support::{Citation, Sentence, Span, Support, citations, support};
pub use trial::{Answer, Finish, Rerun, Role, Side, Trial};
