//! What goes over the wire. Mirrors of domain types: the API's names and shapes are fixed, the domain's
//! are not.

mod audit;
mod clients;
mod events;
mod health;
mod limits;
mod usage;

pub use audit::*;
pub use clients::*;
pub use events::*;
pub use health::*;
pub use limits::*;
pub use usage::*;
