//! The formats that a matrix's numbers can be kept in.

use crate::kernels::{BLOCK, Block, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
use std::fmt;

/// How a matrix's numbers are kept. Those with blocks are ggml's, bit for bit: see its `ggml-common.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As they are.
    F32,
    /// In half precision: 11 bits of each.
    F16,
    /// The upper halves of f32: 8 bits of each.
    Bf16,
    /// Signed bytes, with a scale in f16 for every 32 of a row.
    Q8_0,
    /// Four bits around nought, with a scale in f16 for every 32.
    Q4_0,
    /// Four bits, with a scale and a least number in f16 for every 32.
    Q4_1,
    /// Five bits around nought, with a scale in f16 for every 32.
    Q5_0,
    /// Five bits, with a scale and a least number in f16 for every 32.
    Q5_1,
    /// Four bits, with scale and least number in six bits for every 32, whose own scales every 256 share.
    Q4K,
    /// Five bits, otherwise as `Q4K`.
    Q5K,
    /// Six bits around nought, with a scale in eight bits for every 16, whose own scale every 256 share.
    Q6K,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::Q8_0,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// Those that [`Matrix::pack`] makes of numbers; the others come from files alone.
    pub const MADE: [Self; 6] = [Self::F32, Self::F16, Self::Bf16, Self::Q8_0, Self::Q4_0, Self::Q4_1];

    /// Numbers of a row in one block of a file, and the block's bytes; nothing where there are none.
    pub fn block(self) -> Option<(usize, usize)> {
        fn of<B: Block>() -> Option<(usize, usize)> {
            Some((B::BLOCKS * BLOCK, B::SIZE))
        }
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => None,
            Self::Q8_0 => of::<Q8_0>(),
            Self::Q4_0 => of::<Q4_0>(),
            Self::Q4_1 => of::<Q4_1>(),
            Self::Q5_0 => of::<Q5_0>(),
            Self::Q5_1 => of::<Q5_1>(),
            Self::Q4K => of::<Q4K>(),
            Self::Q5K => of::<Q5K>(),
            Self::Q6K => of::<Q6K>(),
        }
    }

    /// As records call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
            Self::Q4_1 => "q4_1",
            Self::Q5_0 => "q5_0",
            Self::Q5_1 => "q5_1",
            Self::Q4K => "q4_k",
            Self::Q5K => "q5_k",
            Self::Q6K => "q6_k",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
