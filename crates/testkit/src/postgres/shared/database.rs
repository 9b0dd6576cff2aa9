//! A database of a shared server, for one test.

use std::{
    hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState},
    thread,
};

use super::{Address, Shared};

/// A fresh database on the shared server. It is dropped with this value.
#[derive(Debug)]
pub struct Database {
    address: Address,
    server: Shared,
}

impl Database {
    /// An empty one.
    pub fn empty() -> Self {
        Self::empty_on(Shared::join())
    }

    /// An empty one on a server that the caller has joined already.
    pub fn empty_on(server: Shared) -> Self {
        let address = copy(&server, "template1").unwrap_or_else(|error| panic!("an empty database: {error}"));
        Self { address, server }
    }

    /// A copy of a template, which `prepare` makes where it is not there yet: it is given an empty database and
    /// fills it, by migrations for example. `key` is any text that changes when the template should, the text of the
    /// migrations for example.
    ///
    /// `prepare` runs on a thread of its own, so that it may start a runtime even if the caller is in one. It must
    /// leave no connection open, and ask for no other database here.
    pub fn from_template(key: &str, prepare: impl FnOnce(&Address) + Send) -> Self {
        Self::from_template_on(Shared::join(), key, prepare)
    }

    /// The same on a server that the caller has joined already.
    pub fn from_template_on(server: Shared, key: &str, prepare: impl FnOnce(&Address) + Send) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let template = format!("template_{:016x}", hasher.finish());
        let made = copy(&server, &template).or_else(|_| {
            make_template(&server, &template, prepare);
            copy(&server, &template)
        });
        let address = made.unwrap_or_else(|error| panic!("a database from a template: {error}"));
        Self { address, server }
    }

    /// Where and as whom to connect.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Its URL, for the superuser.
    pub fn url(&self) -> String {
        self.address.url()
    }

    /// Runs SQL in it; see [`Address::sql`].
    pub fn sql(&self, sql: &str) -> String {
        self.address.sql(sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Only to save space: it would go with the server.
        let _ = self.server.address.try_sql(&format!("drop database {} with (force)", self.address.database));
    }
}

/// Makes a database.
fn copy(server: &Shared, template: &str) -> Result<Address, String> {
    let name = format!("test_{:016x}", RandomState::new().hash_one(0));
    server.address.try_sql(&format!("create database {name} template {template}"))?;
    Ok(server.address.of(&name))
}

/// Makes a template, unless somebody else does. Its name appears when it is complete.
fn make_template(server: &Shared, template: &str, prepare: impl FnOnce(&Address) + Send) {
    // Those who come for the same template wait here.
    let _door = server.place.door();
    let there = format!("select count(*) from pg_database where datname = '{template}'");
    if server.address.sql(&there) == "1" {
        return;
    }
    let draft = format!("draft_of_{template}");
    server.address.sql(&format!("drop database if exists {draft} with (force); create database {draft}"));
    let address = server.address.of(&draft);
    thread::scope(|scope| scope.spawn(|| prepare(&address)).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    // A connection that was closed a moment ago may still be there, and would be in the way.
    server.address.sql(&format!(
        "alter database {draft} allow_connections false;
         select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{draft}';
         alter database {draft} rename to {template}"
    ));
}
