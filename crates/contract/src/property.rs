//! Properties whose subject is asynchronous.

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

/// Stores are slow to open, so a run tries few inputs; every run tries others. `PROPTEST_CASES` asks for more.
const CASES: u32 = 16;

/// Tries a property on generated inputs, and panics with the smallest input found that breaks it.
pub fn check<S>(inputs: &S, property: impl AsyncFn(S::Value) -> Result<(), TestCaseError>)
where
    S: Strategy,
    S::Value: Debug,
{
    let mut config = Config { failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    let runtime = Handle::current();
    let mut runner = TestRunner::new(config);
    let result = block_in_place(|| runner.run(inputs, |input| runtime.block_on(property(input))));
    if let Err(error) = result {
        panic!("{error}");
    }
}
