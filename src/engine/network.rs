//! A decoder's weights, put together.

use crate::matrix::Matrix;
use std::sync::Arc;

/// What a decoder is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Tokens in the vocabulary.
    pub vocabulary: usize,
    /// Numbers for each token between the layers.
    pub hidden: usize,
    /// Numbers within the feed-forward.
    pub feed_forward: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub key_heads: usize,
    /// Numbers in one head; even.
    pub head: usize,
    /// What norms add before the root.
    pub epsilon: f32,
    /// What scores are multiplied by before softmax.
    pub scale: f32,
    /// Radians a position of each turned pair of a head, `head / 2` of them.
    pub frequencies: Vec<f32>,
    /// Whether the two numbers of a turned pair lie beside each other (as GGUF has llama's heads) or half a head apart.
    pub beside: bool,
}

impl Shape {
    /// Numbers of all queries, and of all keys or values, of one token.
    pub(crate) fn widths(&self) -> (usize, usize) {
        (self.heads * self.head, self.key_heads * self.head)
    }
}

/// A matrix `[out, in]` and what is added to its product.
#[derive(Debug)]
pub struct Linear {
    /// The matrix.
    pub weight: Matrix,
    /// `[out]`.
    pub bias: Option<Vec<f32>>,
}

impl From<Matrix> for Linear {
    fn from(weight: Matrix) -> Self {
        Self { weight, bias: None }
    }
}

/// One layer's weights.
#[derive(Debug)]
pub struct Layer {
    /// Before the attention, `[hidden]`.
    pub input_norm: Vec<f32>,
    /// `[heads · head, hidden]`.
    pub queries: Linear,
    /// `[key heads · head, hidden]`.
    pub keys: Linear,
    /// `[key heads · head, hidden]`.
    pub values: Linear,
    /// Of the heads of queries and of keys, `[head]` each, where there are such.
    pub head_norms: Option<(Vec<f32>, Vec<f32>)>,
    /// `[hidden, heads · head]`.
    pub output: Linear,
    /// Before the feed-forward, `[hidden]`.
    pub feed_norm: Vec<f32>,
    /// `[feed-forward, hidden]`.
    pub gate: Linear,
    /// `[feed-forward, hidden]`.
    pub up: Linear,
    /// `[hidden, feed-forward]`.
    pub down: Linear,
}

/// A decoder, ready to read.
#[derive(Debug)]
pub struct Network {
    pub(crate) shape: Shape,
    pub(crate) embedding: Arc<Matrix>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Vec<f32>,
    pub(crate) head: Arc<Matrix>,
    /// Whether rows keep keys and values in half precision.
    pub(crate) keeps_halves: bool,
}

impl Network {
    /// Puts a decoder together. `embedding` is `[vocabulary, hidden]`, and `head` too: the same one where they are tied.
    ///
    /// # Errors
    /// What does not fit the shape, by name.
    pub fn new(
        shape: Shape,
        embedding: Arc<Matrix>,
        layers: Vec<Layer>,
        norm: Vec<f32>,
        head: Arc<Matrix>,
    ) -> Result<Self, String> {
        if layers.is_empty() {
            return Err("no layers".to_owned());
        }
        let (queries, keys) = shape.widths();
        let (hidden, inner) = (shape.hidden, shape.feed_forward);
        if shape.key_heads == 0
            || !shape.heads.is_multiple_of(shape.key_heads)
            || !shape.head.is_multiple_of(2)
        {
            return Err(format!(
                "{} heads of {} numbers for {} of keys",
                shape.heads, shape.head, shape.key_heads
            ));
        }
        if shape.frequencies.len() != shape.head / 2 {
            return Err(format!("{} frequencies for heads of {}", shape.frequencies.len(), shape.head));
        }
        let matrix = |name: &str, m: &Matrix, rows: usize, inner: usize| match (m.rows(), m.inner()) {
            found if found == (rows, inner) => Ok(()),
            (r, i) => Err(format!("{name} is [{r}, {i}], not [{rows}, {inner}]")),
        };
        let vector = |name: &str, v: &[f32], n: usize| match v.len() {
            found if found == n => Ok(()),
            found => Err(format!("{name} is [{found}], not [{n}]")),
        };
        matrix("the embedding", &embedding, shape.vocabulary, hidden)?;
        matrix("the head", &head, shape.vocabulary, hidden)?;
        vector("the last norm", &norm, hidden)?;
        for (n, layer) in layers.iter().enumerate() {
            vector(&format!("layer {n}'s input norm"), &layer.input_norm, hidden)?;
            vector(&format!("layer {n}'s feed norm"), &layer.feed_norm, hidden)?;
            if let Some((q, k)) = &layer.head_norms {
                vector(&format!("layer {n}'s norm of queries"), q, shape.head)?;
                vector(&format!("layer {n}'s norm of keys"), k, shape.head)?;
            }
            for (name, linear, rows, inner) in [
                ("queries", &layer.queries, queries, hidden),
                ("keys", &layer.keys, keys, hidden),
                ("values", &layer.values, keys, hidden),
                ("output", &layer.output, hidden, queries),
                ("gate", &layer.gate, inner, hidden),
                ("up", &layer.up, inner, hidden),
                ("down", &layer.down, hidden, inner),
            ] {
                matrix(&format!("layer {n}'s {name}"), &linear.weight, rows, inner)?;
                if let Some(bias) = &linear.bias {
                    vector(&format!("layer {n}'s bias of {name}"), bias, rows)?;
                }
            }
        }
        let mut all = Self { shape, embedding, layers, norm, head, keeps_halves: false };
        all.keeps_halves = all.is_rounded();
        Ok(all)
    }

    /// The same, with keys and values of its rows in f32, also where weights are rounded. (Half precision is off by so little
    /// that nothing shows it but vectors rounded to 8 bits, of which it tips some to the next step.)
    #[must_use]
    pub fn keeping_floats(self) -> Self {
        Self { keeps_halves: false, ..self }
    }

    /// What it is made of.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// How many layers it has.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Whether its layers' weights are rounded to a few bits each.
    pub fn is_rounded(&self) -> bool {
        self.layers.iter().flat_map(Layer::matrices).any(|matrix| matrix.format().block().is_some())
    }

    /// The formats of its matrices, that of most bytes first.
    pub fn formats(&self) -> String {
        let mut all: Vec<(crate::Format, usize)> = Vec::new();
        for matrix in self.layers.iter().flat_map(Layer::matrices).chain([&*self.embedding, &*self.head]) {
            match all.iter_mut().find(|(format, _)| *format == matrix.format()) {
                Some((_, bytes)) => *bytes += matrix.bytes(),
                None => all.push((matrix.format(), matrix.bytes())),
            }
        }
        all.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        all.iter().map(|(format, _)| format.name()).collect::<Vec<_>>().join("+")
    }

    /// The bytes of those matrices that a pass reads whole, as they lie in memory.
    pub(crate) fn weights(&self) -> impl Iterator<Item = &[u8]> {
        self.layers.iter().flat_map(Layer::matrices).chain([&*self.head]).map(Matrix::packed_bytes)
    }

    /// Bytes of the matrices that a pass reads whole: all but an embedding that is not the head too, of which it takes rows.
    pub fn bytes_of_a_pass(&self) -> usize {
        self.layers.iter().flat_map(Layer::matrices).map(Matrix::bytes).sum::<usize>() + self.head.bytes()
    }

    /// Bytes that its matrices take; those of a tied head once.
    pub fn bytes(&self) -> usize {
        let layers = self.layers.iter().flat_map(Layer::matrices).map(Matrix::bytes);
        let head = if Arc::ptr_eq(&self.embedding, &self.head) { 0 } else { self.head.bytes() };
        layers.sum::<usize>() + self.embedding.bytes() + head
    }
}

impl Layer {
    fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let all = [&self.queries, &self.keys, &self.values, &self.output, &self.gate, &self.up, &self.down];
        all.into_iter().map(|linear| &linear.weight)
    }
}
