//! A small disk for one server, to be filled up. It is mounted where that server sees it and nobody else, so that it
//! is gone when the server is, however that ends.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::account::Account;

/// Mounts, becomes the servers' account, and then the program: with the number of the process that it begins as.
const MOUNT: &str = r#"
    mount -t tmpfs -o "size=$1,mode=0700,uid=$2,gid=$3" activity-testkit "$4" || exit
    user=$2 group=$3
    shift 4
    exec setpriv --reuid "$user" --regid "$group" --clear-groups "$@"
"#;

/// A folder that has so much room and no more.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    place: PathBuf,
    bytes: u64,
    user: u32,
    group: u32,
}

impl SmallDisk {
    /// In the folder of a server. `None` where nobody lets us mount anything.
    pub(crate) fn within(folder: &Path, bytes: u64, account: Account) -> Option<Self> {
        let (user, group) = account.ids()?;
        let place = folder.join("small");
        fs::create_dir(&place).expect("a folder can be made");
        let disk = Self { place, bytes, user, group };
        let tried = disk.command(Path::new("true")).stdin(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success()).then_some(disk)
    }

    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// A command that sees it, as the servers' account.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", MOUNT, "sh"]);
        command.args([self.bytes, self.user.into(), self.group.into()].map(|number| number.to_string()));
        command.arg(&self.place).arg(program).process_group(0);
        command
    }
}
