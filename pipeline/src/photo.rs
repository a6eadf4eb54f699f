//! The words for a photo's condition; they stand in the database, in XMP, in extended attributes and in events alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that is none of those known.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no {1}")]
pub struct UnknownWord(pub String, pub &'static str);

macro_rules! words {
    ($(#[$doc:meta])* $name:ident ($what:literal) { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// The word, as it is stored and shown.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord(word.to_owned(), $what)),
                }
            }
        }
    };
}

words! {
    /// What a photo's file holds.
    Quality ("quality") {
        /// The proxy of phase one.
        Low = "low",
        /// The developed picture of phase two.
        Full = "full",
    }
}

words! {
    /// Whether more is to come.
    State ("state") {
        /// The full picture is still to come.
        Pending = "pending",
        /// Nothing further is scheduled; the file may be synchronised.
        Final = "final",
        /// Nothing further is scheduled, and the file stays what it is because the full picture could not be made.
        FinalFallback = "final-fallback",
    }
}

words! {
    /// The demosaic tier that a full picture is developed at.
    Tier ("tier") {
        /// Bilinear.
        Preview = "preview",
        /// Gradient-corrected.
        Video = "video",
    }
}
