//! The program `latent`.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    latent_bsp::main()
}
