//! The program with the built-in jobs and no others.

fn main() -> std::process::ExitCode {
    runner::main()
}
