//! `stages WIDTH HEIGHT...` runs every stage on frames of each height and says on standard error where each run begins and
//! ends, for `instructions`, which reads what an emulator traces in between.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::Write;

use latent_benches::stages::STAGES;

fn main() -> Result<(), Box<dyn Error>> {
    let sizes: Vec<u32> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let (width, heights) = sizes.split_first().ok_or("usage: stages WIDTH HEIGHT...")?;
    for stage in STAGES {
        for height in heights {
            let mut run = stage.prepare(*width, *height)?;
            // One write each, so that a trace in the same stream is not torn.
            let begin = format!("stage {} {height}\n", stage.name);
            std::io::stderr().write_all(begin.as_bytes())?;
            run()?;
            std::io::stderr().write_all(b"stage end\n")?;
        }
    }
    Ok(())
}
