//! The models that answer, held against Hugging Face transformers, PEFT and llama.cpp, and against every kind of
//! broken file. The data under `tests/data/models` is made by `tests/reference/logits.py`.

mod adapted_gguf;
mod adapters;
mod encoder;
mod export;
mod faults;
mod fuzz;
mod gguf;
mod logits;
mod own;
mod reader;
mod support;
mod templates;
