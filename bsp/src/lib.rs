//! The program `latent`: verbs over the pipeline, for people and (with `--json`) for programs.
//!
//! Owns: arguments, what is printed, exit statuses. Never: how photos are made or kept.

#![forbid(unsafe_code)]

mod board;
mod cli;
mod compliance;
mod conformance;
mod develop;
mod devices;
mod exit;
mod jobs;
mod library;
mod output;
mod shoot;
mod timeline;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;

use cli::{Cli, JobsVerb, LibraryVerb, Verb};
use exit::Failure;
use output::Output;

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a closed pipe is nobody's.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::DONE });
        }
    };
    let output = Output::new(cli.verb.json());
    match run(&cli, output) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.status())
        }
    }
}

fn run(cli: &Cli, output: Output) -> Result<u8, Failure> {
    match &cli.verb {
        Verb::Shoot(args) => shoot::run(args, output, &interruption()?),
        Verb::Develop(args) => develop::run(args, output),
        Verb::Devices(args) => devices::run(args, output),
        Verb::Conformance(args) => conformance::run(args, output, &interruption()?),
        Verb::Library { verb: LibraryVerb::Ls(args) } => library::ls(args, output),
        Verb::Library { verb: LibraryVerb::Show(args) } => library::show(args, output),
        Verb::Library { verb: LibraryVerb::Wait(args) } => library::wait(args, output),
        Verb::Jobs { verb: JobsVerb::Run(args) } => jobs::run(args, output, &interruption()?),
    }
}

/// A flag that Ctrl-C and a polite kill set: work in hand is put down at the next strip, nothing is lost.
fn interruption() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // A second one ends the program at once.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(|error| Failure::usage(format!("cannot watch for signals: {error}")))?;
    }
    Ok(flag)
}
