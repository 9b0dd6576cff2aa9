//! `cargo xtask cluster`: the topology of production as processes on this machine. Postgres with two streaming
//! replicas, Redis with a replica and three Sentinels, two instances of the server, and nginx in front.
//!
//! A process of its own, the *holder*, starts everything and owns it: when it ends, whatever the reason, all of it
//! ends. The commands find it by the cluster's folder ([`place`]), and it does what they wish.

mod down;
mod front;
mod hold;
pub mod http;
mod instance;
mod part;
mod place;
mod postgres;
mod ready;
mod redis;
mod secrets;
mod status;
mod up;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::process::Outcome;
use place::Place;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Act {
    /// Start it, or what has ended of it, and wait until all of it is ready
    Up(Up),
    /// Say of each process whether it runs, what it is and how it does
    Status(Where),
    /// End it and remove its folder
    Down {
        #[command(flatten)]
        place: Where,
        /// Leave the folder with data and logs
        #[arg(long)]
        keep: bool,
    },
    /// Own the processes until somebody wishes that they end; `up` starts this
    #[command(hide = true)]
    Hold(Up),
}

/// Which cluster.
#[derive(Debug, Args)]
pub struct Where {
    /// Its folder; `cluster` in cargo's target directory by default
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// How it is set up.
#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    place: Where,
    /// Where nginx listens
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// A server that is built already, instead of one that is built in release
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

/// Does it.
pub fn cluster(act: &Act) -> Outcome {
    match act {
        Act::Up(options) => up::up(&options.place.find()?, options),
        Act::Status(place) => status::status(&place.find()?),
        Act::Down { place, keep } => down::down(&place.find()?, *keep),
        Act::Hold(options) => hold::hold(&options.place.find()?, options.port),
    }
}

impl Where {
    fn find(&self) -> Outcome<Place> {
        let folder = if let Some(folder) = &self.folder {
            std::path::absolute(folder)?
        } else {
            crate::workspace::metadata()?.target_directory.into_std_path_buf().join("cluster")
        };
        Ok(Place::new(folder))
    }
}
