//! One HTTP exchange at a time: a request sent, its reply read piece by piece, dropped at once when nobody wants it any
//! more. What endpoints and the hub have in common, so that time-outs, keys and redirects are decided in one place.
//!
//! Every exchange has a connection and a thread of its own. Whoever reads waits for a piece no longer than it says, and
//! looks at the cancel token meanwhile; letting go of the [`Reply`] closes the connection, which is how a server learns
//! that nobody listens. Redirects are never followed here: a key is for one host, and who asks decides what to do.
//!
//! Knows HTTP, time and secrets; nothing of models, answers or files.

mod address;
mod again;
mod exchange;
mod key;

pub use address::Address;
pub use again::{pause, retry_after};
pub use exchange::{Patience, Reply, Request, Stop, Trouble, What, send};
pub use key::{Hider, Key};
