//! What of an activity is counted apart: the endpoint without ids, the method, the class of the status.
//!
//! Anybody can call any path, so there is no end to the texts that arrive. What is counted apart has to be
//! few all the same: ids in paths become `{id}`, methods that nobody knows become one, and [`Caps`] bounds
//! what is left. Nothing is lost by it; it only goes by a coarser name.

mod caps;
mod template;

pub use caps::{Caps, DEFAULT_MAX_ENDPOINTS, EVERYBODY_FACTOR, Named};
pub use template::Template;

use std::fmt;

use crate::activity::{KNOWN_METHODS, Method, Status};

/// The name of everything that is not counted apart.
pub const OTHER: &str = "(other)";

/// How the names of endpoints begin that only an erased client had called.
pub const ERASED: &str = "(erased";

/// A method as it is counted: one of the nine known ones, or any other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verb(u8);

impl Verb {
    /// How many there are.
    pub const COUNT: u8 = 10;

    /// The verb of a method.
    pub fn of(method: &Method) -> Self {
        let known = KNOWN_METHODS.iter().zip(0u8..).find(|(known, _)| **known == method.as_str());
        Self(known.map_or(Self::COUNT - 1, |(_, code)| code))
    }

    /// The verb that a store keeps as this number; `None` if there is none.
    pub fn from_code(code: u8) -> Option<Self> {
        (code < Self::COUNT).then_some(Self(code))
    }

    /// The number that a store keeps.
    pub fn code(self) -> u8 {
        self.0
    }

    /// The method, or [`OTHER`].
    pub fn as_str(self) -> &'static str {
        KNOWN_METHODS.get(usize::from(self.0)).copied().unwrap_or(OTHER)
    }
}

impl fmt::Debug for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first digit of a status: 1 to 5, or 0 where it is not known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusClass(u8);

impl StatusClass {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [Self(0), Self(1), Self(2), Self(3), Self(4), Self(5)];

    /// The class of a status.
    pub fn of(status: Status) -> Self {
        // What is stored is 0, or lies between 100 and 599.
        Self(u8::try_from(status.stored() / 100).unwrap_or(5))
    }

    /// The class of this digit; `None` if there is none.
    pub fn from_digit(digit: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.0 == digit)
    }

    /// The digit.
    pub fn digit(self) -> u8 {
        self.0
    }

    /// Whether it counts as an error.
    pub fn is_error(self) -> bool {
        self.0 >= 4
    }

    /// `2xx` and the like, or `unknown`.
    pub fn as_str(self) -> &'static str {
        ["unknown", "1xx", "2xx", "3xx", "4xx", "5xx"][usize::from(self.0)]
    }
}

impl fmt::Debug for StatusClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_few_and_keep_their_numbers() {
        let verb = |text: &str| Verb::of(&Method::parse(text).unwrap());
        assert_eq!((verb("get").as_str(), verb("get").code()), ("GET", 0));
        assert_eq!((verb("CONNECT").as_str(), verb("CONNECT").code()), ("CONNECT", 8));
        assert_eq!((verb("PROPFIND"), verb("X").as_str()), (verb("BREW"), OTHER));
        for code in 0..Verb::COUNT {
            assert_eq!(Verb::from_code(code).unwrap().code(), code);
        }
        assert_eq!(Verb::from_code(Verb::COUNT), None);
        assert_eq!(usize::from(Verb::COUNT), KNOWN_METHODS.len() + 1);
    }

    #[test]
    fn classes_are_the_first_digit() {
        let class = |code| StatusClass::of(Status::parse(code).unwrap());
        assert_eq!(
            [100, 204, 399, 400, 599].map(|code| class(code).as_str()),
            ["1xx", "2xx", "3xx", "4xx", "5xx"]
        );
        for code in 100..600 {
            assert_eq!(class(code).is_error(), Status::parse(code).unwrap().is_error());
        }
        let unknown = StatusClass::of(Status::UNKNOWN);
        assert_eq!((unknown.as_str(), unknown.is_error(), unknown.digit()), ("unknown", false, 0));
        assert_eq!((StatusClass::from_digit(0), StatusClass::from_digit(6)), (Some(unknown), None));
    }
}
