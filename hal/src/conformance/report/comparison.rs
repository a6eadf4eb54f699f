//! What `v4l2-compliance` says of the same device: <https://git.linuxtv.org/v4l-utils.git>.

/// How a test of it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ComparedVerdict {
    /// `OK`.
    Ok,
    /// `OK (Not Supported)`; it counts these among those that succeeded.
    NotSupported,
    /// `FAIL`.
    Fail,
}

impl ComparedVerdict {
    /// Its name in reports: `ok`, `not-supported`, `fail`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotSupported => "not-supported",
            Self::Fail => "fail",
        }
    }
}

/// One of its tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The heading that it stands under, as in `Required ioctls`.
    pub section: String,
    /// Its name, as in `VIDIOC_QUERYCAP`.
    pub name: String,
    /// How it ended.
    pub verdict: ComparedVerdict,
    /// Its failures and warnings, in their order, as in `fail: v4l2-test-controls.cpp(473): …`.
    pub notes: Vec<String>,
}

/// Its own totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Tests that ran.
    pub total: u32,
    /// Of these, those that did not fail.
    pub succeeded: u32,
    /// Of these, those that failed.
    pub failed: u32,
    /// Warnings, of whatever test.
    pub warnings: u32,
}

/// A run of `v4l2-compliance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Its first line, as in `v4l2-compliance 1.30.1, 64 bits, 64-bit time_t`; empty where it did not say.
    pub version: String,
    /// Driver and file, as in `vivid device /dev/video0`; empty where it did not say.
    pub device: String,
    /// Its tests, in their order. It prints a few that its totals leave out.
    pub tests: Vec<Compared>,
    /// Its totals, as it counts them.
    pub totals: Totals,
}

/// An output that is not that of a whole run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// The line with the totals is missing: it ended early, or it is another program.
    #[error("the output has no line `Total …, Succeeded: …`; its last line is `{last}`")]
    NoTotals {
        /// The last line that says anything.
        last: String,
    },
}

impl Comparison {
    /// Reads what the program printed.
    ///
    /// # Errors
    /// [`ComparisonError::NoTotals`] for the output of a run that did not end, and for anything else.
    pub fn parse(output: &str) -> Result<Self, ComparisonError> {
        let (mut version, mut device, mut section) = (String::new(), String::new(), String::new());
        let (mut tests, mut notes, mut totals) = (Vec::new(), Vec::new(), None);
        for line in output.lines() {
            // Counters of frames overwrite each other.
            let shown = line.trim_end().rsplit('\r').next().unwrap_or_default();
            let text = shown.trim();
            if text.starts_with("fail: ") || text.starts_with("warn: ") {
                notes.push(text.to_owned());
            } else if let Some((name, verdict)) = ended(text) {
                let (section, notes) = (section.clone(), std::mem::take(&mut notes));
                tests.push(Compared { section, name: name.to_owned(), verdict, notes });
            } else if let Some(found) = text.strip_prefix("Total").and_then(counted) {
                totals = Some(found);
            } else if let Some(found) = text.strip_prefix("Compliance test for ") {
                device = found.trim_end_matches(':').to_owned();
            } else if version.is_empty() && text.starts_with("v4l2-compliance") {
                version = text.to_owned();
            } else if let Some(heading) = text.strip_suffix(':').filter(|_| shown == text) {
                section = heading.to_owned();
            }
        }
        match totals {
            Some(totals) => Ok(Self { version, device, tests, totals }),
            None => {
                let last = output.lines().map(str::trim).rfind(|line| !line.is_empty());
                Err(ComparisonError::NoTotals { last: last.unwrap_or_default().to_owned() })
            }
        }
    }

    /// How many of its tests ended so.
    pub fn count(&self, verdict: ComparedVerdict) -> usize {
        self.tests.iter().filter(|test| test.verdict == verdict).count()
    }

    /// Its totals in words.
    pub fn summary(&self) -> String {
        let Totals { total, succeeded, failed, warnings } = self.totals;
        format!("{total} tests, {succeeded} succeeded, {failed} failed, {warnings} warnings")
    }
}

/// The name and the verdict of a test that ended on this line.
fn ended(text: &str) -> Option<(&str, ComparedVerdict)> {
    let (name, verdict) = text.rsplit_once(": ")?;
    let verdict = match verdict.trim() {
        "OK" => ComparedVerdict::Ok,
        "OK (Not Supported)" => ComparedVerdict::NotSupported,
        "FAIL" => ComparedVerdict::Fail,
        _ => return None,
    };
    Some((name.strip_prefix("test ").unwrap_or(name), verdict))
}

/// The figures behind the word `Total`: `: 45, Succeeded: 44, …`, or with the device before the colon.
fn counted(text: &str) -> Option<Totals> {
    let (head, figures) = text.split_once(", Succeeded: ")?;
    let (_, total) = head.rsplit_once(": ")?;
    let (succeeded, rest) = figures.split_once(", Failed: ")?;
    let (failed, warnings) = rest.split_once(", Warnings: ")?;
    let number = |text: &str| text.trim().parse().ok();
    Some(Totals {
        total: number(total)?,
        succeeded: number(succeeded)?,
        failed: number(failed)?,
        warnings: number(warnings)?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) const SAMPLE: &str = "\
v4l2-compliance 1.30.1, 64 bits, 64-bit time_t

Compliance test for vivid device /dev/video0:

Driver Info:
\tDriver name      : vivid
\tCapabilities     : 0x85200005
\t\tVideo Capture

Required ioctls:
\ttest VIDIOC_QUERYCAP: OK
\ttest invalid ioctls: OK

Control ioctls (Input 0):
\t\twarn: v4l2-test-controls.cpp(1139): V4L2_CID_DV_RX_POWER_PRESENT not found
\t\tfail: v4l2-test-controls.cpp(473): g_ctrl accepted invalid control ID
\ttest VIDIOC_G/S_CTRL: FAIL
\ttest VIDIOC_(TRY_)ENCODER_CMD: OK (Not Supported)

Test input 0:

Streaming ioctls:
\tVideo Capture: Frame #000\rVideo Capture: Frame #001\r\ttest MMAP (select): OK
\t\tStride 1344, Field None: OK   

Total for vivid device /dev/video0: 6, Succeeded: 5, Failed: 1, Warnings: 1
";

    #[test]
    fn tests_have_their_section_verdict_and_notes() {
        let found = Comparison::parse(SAMPLE).unwrap();
        assert_eq!(found.version, "v4l2-compliance 1.30.1, 64 bits, 64-bit time_t");
        assert_eq!(found.device, "vivid device /dev/video0");
        assert_eq!(found.totals, Totals { total: 6, succeeded: 5, failed: 1, warnings: 1 });
        let names: Vec<_> =
            found.tests.iter().map(|test| (test.section.as_str(), test.name.as_str())).collect();
        assert_eq!(
            names,
            [
                ("Required ioctls", "VIDIOC_QUERYCAP"),
                ("Required ioctls", "invalid ioctls"),
                ("Control ioctls (Input 0)", "VIDIOC_G/S_CTRL"),
                ("Control ioctls (Input 0)", "VIDIOC_(TRY_)ENCODER_CMD"),
                ("Streaming ioctls", "MMAP (select)"),
                ("Streaming ioctls", "Stride 1344, Field None"),
            ]
        );
        assert_eq!((found.tests[2].verdict, found.tests[2].notes.len()), (ComparedVerdict::Fail, 2));
        assert!(found.tests[3].notes.is_empty());
        let count = |verdict| u32::try_from(found.count(verdict)).unwrap();
        assert_eq!(count(ComparedVerdict::Fail), found.totals.failed);
        assert_eq!(count(ComparedVerdict::Ok) + count(ComparedVerdict::NotSupported), found.totals.succeeded);
    }

    #[test]
    fn older_releases_name_no_device_in_their_totals() {
        let old =
            "v4l2-compliance SHA   : not available\n\nTotal: 44, Succeeded: 40, Failed: 4, Warnings: 2\n";
        let found = Comparison::parse(old).unwrap();
        assert_eq!(found.totals, Totals { total: 44, succeeded: 40, failed: 4, warnings: 2 });
        assert_eq!(found.version, "v4l2-compliance SHA   : not available");
    }

    #[test]
    fn a_run_that_did_not_end_is_none() {
        let cut = SAMPLE.split("Test input").next().unwrap();
        let error = Comparison::parse(cut).unwrap_err();
        assert!(error.to_string().contains("ENCODER_CMD"), "{error}");
        assert!(Comparison::parse("").is_err());
        assert!(Comparison::parse("Total for x: many, Succeeded: 1, Failed: 0, Warnings: 0").is_err());
    }

    proptest! {
        #[test]
        fn any_output_is_read_or_refused(text in "(?s).{0,400}", cut in 0usize..SAMPLE.len()) {
            let _ = Comparison::parse(&text);
            prop_assert!(SAMPLE.is_char_boundary(cut));
            let _ = Comparison::parse(&SAMPLE[..cut]);
            let _ = Comparison::parse(&format!("{text}\n{SAMPLE}")).map(|found| {
                assert_eq!(found.totals.total, 6);
            });
        }
    }
}
