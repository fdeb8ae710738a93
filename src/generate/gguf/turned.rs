//! The order of the rows of llama's queries and keys: Hugging Face has the two halves of a turned pair half a head apart,
//! llama.cpp's converter puts them beside each other.

use super::super::shape::{Family, Shape};
use candle_core::{Result, Tensor};

/// How many heads the rows of `module` (`model.layers.0.self_attn.q_proj`) are put beside each other in, where a file of
/// this shape has them so.
pub(in super::super) fn heads(module: &str, shape: &Shape) -> Option<usize> {
    match shape.family {
        Family::Llama | Family::Mistral if module.ends_with("self_attn.q_proj") => Some(shape.heads),
        Family::Llama | Family::Mistral if module.ends_with("self_attn.k_proj") => Some(shape.key_heads),
        _ => None,
    }
}

/// From Hugging Face's order of rows to GGUF's.
pub(in super::super) fn beside(tensor: &Tensor, heads: usize) -> Result<Tensor> {
    let (dims, pairs, inner) = sizes(tensor, heads);
    tensor.reshape((heads, 2, pairs, inner))?.transpose(1, 2)?.contiguous()?.reshape(dims)
}

/// From GGUF's order of rows to Hugging Face's.
pub(in super::super) fn apart(tensor: &Tensor, heads: usize) -> Result<Tensor> {
    let (dims, pairs, inner) = sizes(tensor, heads);
    tensor.reshape((heads, pairs, 2, inner))?.transpose(1, 2)?.contiguous()?.reshape(dims)
}

fn sizes(tensor: &Tensor, heads: usize) -> (Vec<usize>, usize, usize) {
    let dims = tensor.dims().to_vec();
    let (pairs, inner) = (dims[0] / heads / 2, dims.get(1).copied().unwrap_or(1));
    (dims, pairs, inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn pairs_that_are_put_beside_each_other_come_apart_again() {
        // Two heads of four rows: 0 and 2 are a pair, 1 and 3 are one.
        let rows =
            Tensor::arange(0f32, 16f32, &Device::Cpu).and_then(|t| t.reshape((8, 2))).expect("a matrix");
        let turned = beside(&rows, 2).expect("turned");
        let first: Vec<f32> =
            turned.to_vec2().expect("numbers").iter().map(|row: &Vec<f32>| row[0] / 2.0).collect();
        assert_eq!(first, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
        let back: Vec<Vec<f32>> = apart(&turned, 2).and_then(|t| t.to_vec2()).expect("back");
        assert_eq!(back, rows.to_vec2::<f32>().expect("numbers"));
    }
}
