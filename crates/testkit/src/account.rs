//! Who the servers run as. PostgreSQL refuses root, so where root runs the tests, an account without rights
//! runs the servers.

use std::{
    fs,
    os::unix::{self, process::CommandExt},
    path::Path,
    process::Command,
};

/// An account of this system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// User and group to become; `None` stays who we are.
    ids: Option<(u32, u32)>,
}

impl Account {
    /// Ourselves; or, if that is root, the account that the packages of PostgreSQL bring along.
    pub(crate) fn for_servers() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self { ids: None };
        }
        let accounts = fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
        let ids = ["postgres", "nobody"].iter().find_map(|name| ids(&accounts, name));
        Self { ids: Some(ids.expect("there is an account postgres or nobody for servers to run as")) }
    }

    /// Makes a command run as this account. It leaves our process group too: a runner that kills the group of a
    /// test must leave the watcher alive, which cleans up after the test.
    pub(crate) fn apply(self, command: &mut Command) {
        command.process_group(0);
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
    }

    /// User and group that we become, if we do.
    pub(crate) fn ids(self) -> Option<(u32, u32)> {
        self.ids
    }

    /// Gives it a file or folder.
    pub(crate) fn own(self, path: &Path) {
        if let Some((user, group)) = self.ids {
            unix::fs::chown(path, Some(user), Some(group)).expect("root may give files away");
        }
    }
}

/// User and group of an account, from the text of /etc/passwd.
fn ids(accounts: &str, name: &str) -> Option<(u32, u32)> {
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let account = accounts.lines().map(fields).find(|fields| fields[0] == name)?;
    Some((account.get(2)?.parse().ok()?, account.get(3)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let accounts =
            "postgres-old:x:7:8::/:/bin/sh\n\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(ids(accounts, "postgres"), Some((101, 104)));
        assert_eq!(ids(accounts, "post"), None);
    }
}
