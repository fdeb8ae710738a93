//! Every reader on a small source of our own writing, and on broken ones.
