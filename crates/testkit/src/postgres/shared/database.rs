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
        Self::copy(server, "template1")
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
        make_template(&server, &template, prepare);
        Self::copy(server, &template)
    }

    fn copy(server: Shared, template: &str) -> Self {
        let name = format!("test_{:016x}", RandomState::new().hash_one(0));
        server.address.sql(&format!("create database {name} template {template}"));
        Self { address: server.address.of(&name), server }
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

/// Makes sure that a template is there. Its name appears when it is complete.
fn make_template(server: &Shared, template: &str, prepare: impl FnOnce(&Address) + Send) {
    let there = || {
        let count = format!("select count(*) from pg_database where datname = '{template}'");
        server.address.sql(&count) == "1"
    };
    if there() {
        return;
    }
    // Those who come for the same template wait here.
    let _door = server.place.door();
    if there() {
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
