//! What an act changed, field by field.

use crate::error::Invalid;

/// A field that is different since an act. Values that name a person or are secret are not in it: then the field
/// has neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field, as answers call it.
    pub field: String,
    /// What it was.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

/// What separates the parts of a line. No value has one.
const TAB: char = '\t';
/// A value that is missing.
const NONE: &str = "-";
/// What stands before a value, so that none is taken for a missing one.
const SOME: char = '=';

impl Difference {
    /// A field's change. Control characters become blanks.
    pub fn new(field: &str, before: Option<String>, after: Option<String>) -> Self {
        let clean = |text: String| text.replace(char::is_control, " ");
        Self { field: clean(field.to_owned()), before: before.map(clean), after: after.map(clean) }
    }

    /// The difference as stores keep it: `role`, `=client`, `=admin` with tabs between; `-` is none.
    pub(super) fn line(&self) -> String {
        let value = |value: Option<&str>| value.map_or(NONE.to_owned(), |text| format!("{SOME}{text}"));
        let (before, after) = (value(self.before.as_deref()), value(self.after.as_deref()));
        format!("{}{TAB}{before}{TAB}{after}", self.field)
    }

    /// Reads such a line.
    pub(super) fn parse(line: &str) -> Result<Self, Invalid> {
        let bad = || Invalid::new("must be a field, what it was and what it is, with tabs between");
        let value = |text: &str| match text.strip_prefix(SOME) {
            Some(text) => Ok(Some(text.to_owned())),
            None if text == NONE => Ok(None),
            None => Err(bad()),
        };
        let mut parts = line.split(TAB);
        let (Some(field), Some(before), Some(after), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        Ok(Self { field: field.to_owned(), before: value(before)?, after: value(after)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_line_is_refused() {
        for bad in ["", "role", "role\t-", "role\tx\t-", "role\t-\t-\t-"] {
            assert!(Difference::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn lines_come_back(
            field in "[a-zA-Z]{1,20}", before in prop::option::of("\\PC*|.*"), after in prop::option::of("[-=\t\n ]*")
        ) {
            let difference = Difference::new(&field, before, after);
            let line = difference.line();
            prop_assert_eq!(line.lines().count(), 1);
            prop_assert_eq!(Difference::parse(&line), Ok(difference));
        }
    }
}
