//! The dashboard's pages, from the binary itself. Their sources are in `web`; the API behind them is the one that
//! everybody uses.
//!
//! | Module | Holds |
//! |---|---|
//! | [`site`] | the files that were built, each plain and packed |
//! | [`pages`] | the routes: `/`, `/app/...` and `/assets/...` |

pub mod pages;
pub mod site;

pub use pages::mount;
