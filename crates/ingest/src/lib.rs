//! Between "the server has your event" and "the database has it": a durable spool and a drainer.
//!
//! | Module | Holds |
//! |---|---|
//! | [`codec`] | an activity as bytes |
//! | [`frame`] | those bytes with length, checksum and sequence number |
//! | [`segment`] | a file of frames: its name, header and place in a stream |
//! | [`disk`] | the few file operations that can fail, so that tests can make them fail |
//! | `live` | what is durable, told to readers at once |
//! | [`log`] | which segments there are, and how far they are durable |
//! | `marks` | when which of them became so |
//! | [`flusher`] | the one writer: everything that waits goes into one write and one fdatasync |
//! | [`reader`] | frames back out of segments, around damage |
//! | [`keep`] | segments that the sink has, kept for a while in case it loses what it had |
//! | [`spool`] | the port `Recorder` over all that |
//! | [`drainer`] | batches from the spool into the `ActivitySink`, until it has them; goes back where it lost some |
//! | [`totals`], [`account`] | what became of them; all of that at one moment |
//!
//! # Why nothing is lost or counted twice
//!
//! - `record` returns after fdatasync. Only durable frames are drained.
//! - A segment is deleted only when the sink stands past its last frame, and where the store may lose its
//!   newest commits, only when it has stood there for a while.
//! - Each opening of a spool is a new stream with a random id, and sequence numbers are never used
//!   twice in one. The sink moves a stream's cursor by compare-and-set in the transaction that stores
//!   the rows, so a repeated batch changes nothing, and neither does a restored copy of the folder.
//! - After a failed fsync the kernel may have dropped the pages while reporting success to the next
//!   call. So it is never repeated: the segment is given up, its waiters get an error, and the next
//!   segment's header says from which sequence number on the old one is void.

pub mod account;
pub mod codec;
pub mod disk;
pub mod drainer;
pub mod flusher;
pub mod frame;
pub mod keep;
mod live;
pub mod log;
mod marks;
pub mod reader;
pub mod segment;
pub mod spool;
pub mod totals;

pub use account::Account;
pub use drainer::{DrainConfig, Drainer};
pub use spool::{OpenError, Spool, SpoolConfig, claim};
pub use totals::Totals;
