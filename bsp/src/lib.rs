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
        // Help and version are no errors; a closed pipe is nobody's.
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return ExitCode::from(exit::DONE);
        }
        Err(error) => {
            if cli::wants_json(std::env::args_os()) {
                Output::new(true).failure(&usage(&error));
            } else {
                let _ = error.print();
            }
            return ExitCode::from(exit::USAGE);
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

/// What is wrong with the command line, as a failure: the message without the usage, which is the hint.
fn usage(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let (message, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let hint = words(rest);
    let mut failure = Failure::usage(words(message.trim_start_matches("error:")));
    failure.hint = Some(hint).filter(|hint| !hint.is_empty());
    failure
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
