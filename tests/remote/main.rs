//! Models that are not on this machine: behind a server, and on a hub. Every server here is a real one on a socket of
//! this machine.

#[path = "../command/mod.rs"]
mod command;
mod endpoints;
mod far_study;
mod hub;
mod keys;
mod server;
