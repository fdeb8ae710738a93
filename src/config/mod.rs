//! Where things lie and how they are set. Knows files and values, not who uses them.

mod paths;
mod settings;

pub use paths::Paths;
pub use settings::{
    Activations, Colour, Engine, Lab, Layer, Quant, Retrieval, Rubric, SamplingSettings, Scale, Settings,
    Turns,
};
