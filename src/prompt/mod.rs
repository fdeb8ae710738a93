//! What a model is asked: messages, rendered by the model's own chat template, with as many passages as fit.

mod message;
mod pack;
mod template;

pub use message::{Message, Role};
pub use pack::{ABSTENTION, INSTRUCTION, Packed, messages, pack, question};
pub use template::Template;
