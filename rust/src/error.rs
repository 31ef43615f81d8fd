//! What can be wrong with the bytes or the request; the caller turns it into its own errors.

use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The file ends before its end marker.
    Truncated,
    /// The bytes contradict the format.
    Corrupt,
    /// Sound perhaps, but not for this decoder: the ordinary decoder takes it.
    Unsupported,
    /// More pixels than the stated limit.
    TooLarge,
    /// The request itself makes no sense (a matrix without inverse, an array of the wrong shape).
    Invalid,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Truncated => "truncated",
            Kind::Corrupt => "corrupt",
            Kind::Unsupported => "unsupported",
            Kind::TooLarge => "too_large",
            Kind::Invalid => "invalid",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    pub kind: Kind,
    pub message: String,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;

#[cold]
pub fn truncated<T>(message: &str) -> Result<T> {
    Err(Error::new(Kind::Truncated, message))
}

#[cold]
pub fn corrupt<T>(message: &str) -> Result<T> {
    Err(Error::new(Kind::Corrupt, message))
}

#[cold]
pub fn unsupported<T>(message: &str) -> Result<T> {
    Err(Error::new(Kind::Unsupported, message))
}

#[cold]
pub fn invalid<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::new(Kind::Invalid, message))
}
