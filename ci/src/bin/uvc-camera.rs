//! `uvc-camera [OPTION]... [-- COMMAND [ARGUMENT]...]`: a USB camera made of software; `uvc-camera --help` says how.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)] // it is a program for terminals and logs

use std::process::ExitCode;

use latent_ci::uvc_camera::{self, Options, USAGE};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(&arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("uvc-camera: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match uvc_camera::run(options) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(status)) => {
            // Ended by a signal: as a shell says it.
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            code.map_or(ExitCode::from(128), ExitCode::from)
        }
        Err(message) => {
            eprintln!("uvc-camera: {message}");
            ExitCode::from(1)
        }
    }
}
