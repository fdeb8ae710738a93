//! Ctrl-C for commands outside the terminal lab: the first one asks the work to stop, so that it can keep what it has
//! done; the second ends the process at once.

use super::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;

/// What a shell expects of a program that was stopped by Ctrl-C: 128 and the number of the signal.
pub const EXIT_CODE: u8 = 130;

/// A token that Ctrl-C (or a request to terminate) cancels. To be asked for once, by a command that looks at it:
/// until then, and where the system will not let signals be caught, Ctrl-C ends the process as usual.
pub fn interruptible() -> Cancel {
    let cancel = Cancel::new();
    for signal in [SIGINT, SIGTERM] {
        // In this order: the shutdown looks at the flag before the same signal sets it.
        let armed = flag::register_conditional_shutdown(signal, EXIT_CODE.into(), Arc::clone(&cancel.0));
        if armed.is_ok() {
            let _ = flag::register(signal, Arc::clone(&cancel.0));
        }
    }
    cancel
}
