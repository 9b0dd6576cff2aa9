//! What goes over the wire. Mirrors of domain types: the API's names and shapes are fixed, the domain's
//! are not.

mod acts;
mod audit;
mod cache;
mod clients;
mod endpoints;
mod events;
mod health;
mod limits;
mod log;
mod series;
mod streams;
mod usage;
mod verify;

pub use acts::*;
pub use audit::*;
pub use cache::*;
pub use clients::*;
pub use endpoints::*;
pub use events::*;
pub use health::*;
pub use limits::*;
pub use log::*;
pub use series::*;
pub use streams::*;
pub use usage::*;
pub use verify::*;
