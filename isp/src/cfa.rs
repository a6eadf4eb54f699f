//! Colour filter arrays: which colour each photosite sees.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A colour of the filter array and of an RGB picture; `as usize` is its index in an RGB triple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Red, index 0.
    Red = 0,
    /// Green, index 1.
    Green = 1,
    /// Blue, index 2.
    Blue = 2,
}

/// The phase of a Bayer array: the colours of the first two pixels of row 0, then of row 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CfaPattern {
    /// `R G / G B`
    Rggb,
    /// `G R / B G`
    Grbg,
    /// `G B / R G`
    Gbrg,
    /// `B G / G R`
    Bggr,
}

impl CfaPattern {
    /// All phases.
    pub const ALL: [CfaPattern; 4] = [CfaPattern::Rggb, CfaPattern::Grbg, CfaPattern::Gbrg, CfaPattern::Bggr];

    /// The usual four letters, upper case.
    pub fn name(self) -> &'static str {
        match self {
            CfaPattern::Rggb => "RGGB",
            CfaPattern::Grbg => "GRBG",
            CfaPattern::Gbrg => "GBRG",
            CfaPattern::Bggr => "BGGR",
        }
    }

    /// The colour of the photosite in column `x` of row `y`.
    pub fn channel_at(self, x: u32, y: u32) -> Channel {
        use Channel::{Blue, Green, Red};
        let cell = match self {
            CfaPattern::Rggb => [[Red, Green], [Green, Blue]],
            CfaPattern::Grbg => [[Green, Red], [Blue, Green]],
            CfaPattern::Gbrg => [[Green, Blue], [Red, Green]],
            CfaPattern::Bggr => [[Blue, Green], [Green, Red]],
        };
        cell[(y & 1) as usize][(x & 1) as usize]
    }
}

impl fmt::Display for CfaPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CfaPattern {
    type Err = Error;

    /// Reads the four letters in upper or lower case.
    fn from_str(text: &str) -> Result<Self, Error> {
        CfaPattern::ALL
            .into_iter()
            .find(|pattern| pattern.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| Error::UnknownPattern(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_in_any_case_and_match_the_first_cell() {
        for pattern in CfaPattern::ALL {
            assert_eq!(pattern.name().parse(), Ok(pattern));
            assert_eq!(pattern.name().to_lowercase().parse(), Ok(pattern));
            let letters: String = [(0, 0), (1, 0), (2, 1), (3, 5)]
                .map(|(x, y)| match pattern.channel_at(x, y) {
                    Channel::Red => 'R',
                    Channel::Green => 'G',
                    Channel::Blue => 'B',
                })
                .into_iter()
                .collect();
            assert_eq!(letters, pattern.name());
        }
        assert_eq!("rgbg".parse::<CfaPattern>(), Err(Error::UnknownPattern("rgbg".into())));
    }
}
