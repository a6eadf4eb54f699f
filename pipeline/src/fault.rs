//! A panic in a thread of ours: it ends the piece of work that it is in, with an error that names the thread's lane.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Error;

/// Does a piece of work of a lane. A panic drops what the work held.
///
/// # Errors
/// [`Error::Panicked`] with the lane's name.
pub(crate) fn caught<T>(lane: &'static str, work: impl FnOnce() -> T) -> Result<T, Error> {
    // What outlives the work is looked at anew by whoever goes on.
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Error::Panicked { lane, message: message.unwrap_or_else(|| "no reason was given".to_owned()) }
    })
}
