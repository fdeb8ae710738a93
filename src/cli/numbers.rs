//! In which numbers models are computed, where a command says otherwise than the settings.

use crate::generate::{Activations, Quant, Ways};
use crate::lab::Lab;

/// What a command may say of it.
#[derive(Debug, clap::Args)]
pub(super) struct Numbers {
    /// What weights are made into when they are loaded: none, q8_0 (half the memory, faster), or q4_0 (a quarter).
    #[arg(long, value_name = "NUMBERS")]
    quant: Option<Quant>,
    /// What is multiplied with quantised weights is rounded to: 16-bit, or 8-bit as llama.cpp does it.
    #[arg(long, value_name = "BITS")]
    activations: Option<Activations>,
}

impl Numbers {
    /// Has the lab's models computed so.
    pub(super) fn set(&self, lab: &Lab) {
        let ways = lab.models.ways();
        lab.models.set_ways(Ways {
            quant: self.quant.unwrap_or(ways.quant),
            activations: self.activations.unwrap_or(ways.activations),
            ..ways
        });
    }
}
