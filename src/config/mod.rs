//! Where things lie and how they are set. Knows files and values, not who uses them.

mod paths;
mod settings;

pub use paths::Paths;
pub use settings::{Colour, Lab, Layer, Retrieval, Rubric, SamplingSettings, Scale, Settings};
