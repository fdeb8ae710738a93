//! What a model is asked: messages, rendered by the model's own chat template, with as many passages as fit.

mod message;
mod template;

pub use message::{Message, Role};
pub use template::Template;
