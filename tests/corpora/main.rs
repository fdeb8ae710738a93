//! Other people's formats become corpora: each on a small source of our own writing (`tests/data/corpora-in`), on the real
//! data where it is there, and on sources that are broken in every way we could think of, or that chance could.

mod bad;
mod changes;
mod command;
mod formats;
mod fuzz;
mod real;
mod support;
